//! Arguments that name a file or a model.

use std::path::Path;

/// What such an argument means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A file, which need not be there.
    File(&'a Path),
    /// The name of a model, which need not be known.
    Model(&'a str),
}

impl<'a> Subject<'a> {
    /// A file where there is one of this name, or where the name looks like a file's.
    pub fn of(text: &'a str) -> Self {
        let path = Path::new(text);
        let is_file = path.is_file() || path.extension().is_some() || path.components().count() > 1;
        if is_file { Subject::File(path) } else { Subject::Model(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_have_an_extension_or_a_folder() {
        assert_eq!(Subject::of("resnet18"), Subject::Model("resnet18"));
        for file in ["resnet18.pth", "./resnet18", "no/such"] {
            assert_eq!(Subject::of(file), Subject::File(Path::new(file)));
        }
    }
}
