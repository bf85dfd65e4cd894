//! The text of a module, as Python's `print` shows it.

use crate::Module;

/// `Class(settings)`, or the children on lines of their own, each indented by two spaces.
pub(crate) fn module<M: Module + ?Sized>(module: &M) -> String {
    let (class, extra) = (module.class_name(), module.extra_repr());
    let children = module.children();
    if children.is_empty() && !extra.contains('\n') {
        return format!("{class}({extra})");
    }
    let mut text = format!("{class}(\n");
    for line in extra.lines() {
        text += &format!("  {line}\n");
    }
    for (name, child) in children {
        let child = self::module(child).replace('\n', "\n  ");
        text += &format!("  ({name}): {child}\n");
    }
    text + ")"
}

/// A float as Python writes it: `0.1`, `1e-05`, `2.0`.
pub fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e').and_then(|(m, e)| Some((m, e.parse::<i32>().ok()?))) else {
        return format!("{value:?}").to_lowercase(); // inf and nan
    };
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

/// A truth value as Python writes it.
pub fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (1e-5, "1e-05"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (1.5e-7, "1.5e-07"),
            (0.1, "0.1"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (2.0, "2.0"),
            (123456.75, "123456.75"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e300, "-2.5e+300"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }
}
