//! The folder where PyTorch keeps published weights.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Error;

/// The folder of `torch.hub`'s checkpoints: `$TORCH_HOME/hub/checkpoints`, else `$XDG_CACHE_HOME/torch/hub/checkpoints`,
/// else `~/.cache/torch/hub/checkpoints`. It may not exist yet.
///
/// # Errors
/// [`Error::NoCache`] where neither variable is set and there is no home folder.
pub fn checkpoints_dir() -> Result<PathBuf, Error> {
    locate(|name| std::env::var_os(name), std::env::home_dir()).ok_or(Error::NoCache)
}

fn locate(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let torch = set("TORCH_HOME")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("torch")))
        .or_else(|| Some(home.filter(|path| !path.as_os_str().is_empty())?.join(".cache").join("torch")))?;
    Some(torch.join("hub").join("checkpoints"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(variables: &[(&str, &str)], home: Option<&str>) -> Option<PathBuf> {
        let variable = |name: &str| Some(variables.iter().find(|(key, _)| *key == name)?.1.into());
        locate(variable, home.map(PathBuf::from))
    }

    #[test]
    fn the_order_is_pytorchs() {
        let xdg = ("XDG_CACHE_HOME", "/xdg");
        assert_eq!(located(&[("TORCH_HOME", "/torch"), xdg], Some("/me")), Some("/torch/hub/checkpoints".into()));
        assert_eq!(located(&[xdg], Some("/me")), Some("/xdg/torch/hub/checkpoints".into()));
        assert_eq!(located(&[("TORCH_HOME", "")], Some("/me")), Some("/me/.cache/torch/hub/checkpoints".into()));
        assert_eq!(located(&[], None), None);
    }
}
