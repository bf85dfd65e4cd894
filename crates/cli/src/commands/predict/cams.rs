//! Where pictures show a class: `--cam`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use ::train::{grad_cam, overlay};
use anyhow::{anyhow, bail};
use datasets::Image;
use tensor::Tensor;
use zoo::checkpoint::write_file;

use crate::args::PredictArgs;
use crate::classifier::Classifier;
use crate::names::free_name;
use crate::stderr;

/// Draws heat maps over pictures, and knows where they go.
#[derive(Clone)]
pub struct Cams {
    target: Target,
    /// The class to look for; each picture's most probable one where there is none.
    class: Option<usize>,
}

#[derive(Clone)]
enum Target {
    /// One picture's.
    File(PathBuf),
    /// Several pictures', and the names that are taken.
    Folder(PathBuf, HashSet<String>),
}

impl Cams {
    /// What the arguments ask for, of one or of several pictures.
    pub fn new(args: &PredictArgs, classifier: &Classifier, several: bool) -> anyhow::Result<Option<Self>> {
        let Some(path) = &args.cam else { return Ok(None) };
        let class = args.cam_class.as_deref().map(|name| classifier.class(name)).transpose()?;
        let target = match several || path.is_dir() {
            true if path.is_file() || has_picture_name(path) => {
                bail!("--cam {}: for several pictures name a folder, where each gets a file", path.display())
            }
            true => {
                // One line, so the cause goes into it.
                fs::create_dir_all(path).map_err(|error| anyhow!("--cam {}: {error}", path.display()))?;
                Target::Folder(path.clone(), HashSet::new())
            }
            false => Target::File(path.clone()),
        };
        Ok(Some(Cams { target, class }))
    }

    /// Draws where the class, or else `best`, is seen in a picture over the part of it that the network sees. The inner error is this
    /// picture's alone.
    pub fn draw(
        &mut self,
        classifier: &Classifier,
        args: &PredictArgs,
        place: &str,
        (input, view): (&Tensor, &Image),
        best: usize,
    ) -> anyhow::Result<::train::Result<()>> {
        let class = self.class.unwrap_or(best);
        let drawn = args.precision.run(|| grad_cam(&*classifier.model, input, class)).and_then(|heat| overlay(view, &heat));
        let drawn = match drawn {
            Ok(drawn) => drawn,
            Err(error) => return Ok(Err(error)),
        };
        let path = self.target.path(place);
        stderr::note(&format!("{}: where {} is seen", path.display(), classifier.label(class)));
        let png = drawn.to_png()?;
        write_file(&path, |file| file.write_all(&png))?;
        Ok(Ok(()))
    }
}

impl Target {
    /// Where the heat map of a picture goes: into a folder as `NAME_cam.png`, with a number where that is taken.
    fn path(&mut self, place: &str) -> PathBuf {
        match self {
            Target::File(path) => path.clone(),
            Target::Folder(folder, taken) => {
                let stem = Path::new(place).file_stem().map_or("picture".into(), |stem| stem.to_string_lossy());
                let name = free_name(&format!("{stem}_cam"), |name| taken.contains(name));
                taken.insert(name.clone());
                folder.join(name + ".png")
            }
        }
    }
}

/// Whether somebody means a file by this name.
fn has_picture_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"))
}
