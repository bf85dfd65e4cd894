//! Published weights: found in PyTorch's cache folder, else fetched to there.

use std::path::PathBuf;

use hub::{Progress, Published};

use crate::{Error, Result};

/// The environment variable with the address of a folder that is asked for published files instead of PyTorch's.
#[cfg(feature = "download")]
const MIRROR: &str = "CONVOY_MIRROR";

/// The file of a model's published weights, by their name or its default ones: found in PyTorch's cache folder, else fetched to
/// there, and checked. [`Weights::Default`](crate::Weights) and [`Weights::Named`](crate::Weights) do the same without a word; here
/// `progress` is told.
///
/// `TORCH_HOME` moves the folder, as for PyTorch; with `CONVOY_MIRROR` the files are fetched from the folder at that address. Several
/// processes may ask for a file at once; one of them fetches it.
///
/// # Errors
/// Where there are no such weights, or they are neither at hand nor to be had.
pub fn fetch_weights(arch: &str, name: Option<&str>, progress: &mut dyn Progress) -> Result<PathBuf> {
    Store::of_environment()?.bring(find(arch, name)?, progress)
}

/// The file of a model's default weights, where PyTorch's cache folder has it already.
pub fn cached(arch: &str) -> Option<PathBuf> {
    let path = hub::checkpoints_dir().ok()?.join(hub::find_published(arch, None)?.file);
    path.is_file().then_some(path)
}

/// Published weights of a model, by name or its default.
fn find(arch: &str, name: Option<&str>) -> Result<&'static Published> {
    hub::find_published(arch, name).ok_or_else(|| {
        let names: Vec<&str> = hub::published().iter().filter(|entry| entry.model == arch).map(|entry| entry.weights).collect();
        let known = if names.is_empty() { "none are published".to_string() } else { format!("there are {}", names.join(", ")) };
        Error::UnknownWeights { arch: arch.to_string(), name: name.unwrap_or("DEFAULT").to_string(), known }
    })
}

/// Where published weights are kept and fetched from.
struct Store {
    folder: PathBuf,
    #[cfg(feature = "download")]
    options: hub::Options,
}

impl Store {
    fn of_environment() -> Result<Self> {
        Ok(Store {
            folder: hub::checkpoints_dir().map_err(Error::NoCache)?,
            #[cfg(feature = "download")]
            options: hub::Options { mirror: std::env::var(MIRROR).ok().filter(|url| !url.is_empty()), ..hub::Options::default() },
        })
    }

    /// The file of published weights, checked.
    fn bring(&self, weights: &Published, progress: &mut dyn Progress) -> Result<PathBuf> {
        let path = self.folder.join(weights.file);
        match self.ensure(weights, &path, progress) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::Unavailable { arch: weights.model.to_string(), path, source: Box::new(source) }),
        }
    }

    #[cfg(feature = "download")]
    fn ensure(&self, weights: &Published, path: &std::path::Path, progress: &mut dyn Progress) -> std::result::Result<(), hub::Error> {
        hub::fetch(&weights.url(), path, &weights.checks(), &self.options, progress).map(drop)
    }

    #[cfg(not(feature = "download"))]
    fn ensure(&self, weights: &Published, path: &std::path::Path, _: &mut dyn Progress) -> std::result::Result<(), hub::Error> {
        if path.is_file() { weights.checks().verify(path) } else { Err(hub::Error::Offline { path: path.to_owned(), url: weights.url() }) }
    }
}

#[cfg(all(test, feature = "download"))]
#[path = "../../hub/tests/server/mod.rs"]
mod server;

#[cfg(all(test, feature = "download"))]
mod tests {
    use std::{fs, net::TcpListener, path::Path, thread, time::Duration};

    use hub::{Options, Silent};
    use layers::ModuleExt;
    use tempfile::TempDir;

    use super::{
        server::{Server, respond, serve},
        *,
    };
    use crate::{Metadata, Weights};

    /// A published file whose contents can be made here.
    struct Fixture {
        folder: TempDir,
        contents: Vec<u8>,
        entry: Published,
    }

    /// The weights of a small network, under a name that ends in the first digits of their SHA-256.
    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pth");
        crate::save_module(&path, &crate::build("squeezenet1_1", 3).unwrap(), &Metadata::default()).unwrap();
        let wrong = hub::Checks { sha256: Some("00000000"), ..hub::Checks::default() };
        let Err(hub::Error::Hash { found, .. }) = wrong.verify(&path) else { panic!("eight zeros are improbable") };
        let file = format!("squeezenet1_1-{found}.pth").leak();
        let entry = Published { file, ..hub::find_published("squeezenet1_1", None).unwrap().clone() };
        Fixture { contents: fs::read(&path).unwrap(), folder, entry }
    }

    impl Fixture {
        fn store(&self, mirror: &str) -> Store {
            let options = Options { mirror: Some(mirror.to_string()), backoff: Duration::from_millis(1), ..Options::default() };
            Store { folder: self.folder.path().join("hub/checkpoints"), options }
        }

        fn server(&self) -> Server {
            let contents = self.contents.clone();
            Server::start(move |_, request, stream| {
                // Long enough for a second one to come.
                thread::sleep(Duration::from_millis(50));
                serve(stream, request, &contents, "\"1\"", usize::MAX);
            })
        }
    }

    fn complaint(outcome: Result<PathBuf>) -> String {
        let text = outcome.unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn two_that_load_the_same_weights_at_once_fetch_them_once() {
        let fixture = fixture();
        let (server, store) = (fixture.server(), fixture.store(""));
        let store = Store { options: Options { mirror: Some(server.url.clone()), ..store.options }, ..store };
        let load = || {
            let path = store.bring(&fixture.entry, &mut Silent).unwrap();
            crate::create("squeezenet1_1", &Weights::File(path), None).unwrap().state_dict().unwrap()
        };
        let (one, other) = thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(load));
            let [one, other] = both.map(|thread| thread.join().unwrap());
            (one, other)
        });
        assert!(one.iter().zip(other.iter()).all(|(a, b)| a.1.to_vec::<f32>().unwrap() == b.1.to_vec::<f32>().unwrap()));
        assert_eq!((server.requests().len(), names(&store.folder)), (1, vec![fixture.entry.file.to_string()]));
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_the_cache_has_is_not_asked_for() {
        let fixture = fixture();
        let store = fixture.store("http://127.0.0.1:1");
        fs::create_dir_all(&store.folder).unwrap();
        fs::write(store.folder.join(fixture.entry.file), &fixture.contents).unwrap();
        assert_eq!(store.bring(&fixture.entry, &mut Silent).unwrap(), store.folder.join(fixture.entry.file));
    }

    #[test]
    fn a_damaged_file_in_the_cache_is_replaced() {
        let fixture = fixture();
        let server = fixture.server();
        let store = fixture.store(&server.url);
        fs::create_dir_all(&store.folder).unwrap();
        fs::write(store.folder.join(fixture.entry.file), "cut off").unwrap();
        let path = store.bring(&fixture.entry, &mut Silent).unwrap();
        assert!(fs::read(path).unwrap() == fixture.contents);
    }

    #[test]
    fn without_a_network_one_line_names_the_file_the_address_and_what_to_do() {
        let fixture = fixture();
        let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let store = fixture.store(&nobody);
        let text = complaint(store.bring(&fixture.entry, &mut Silent));
        let (file, path) = (fixture.entry.file, store.folder.join(fixture.entry.file));
        assert!(text.starts_with(&format!("the weights of squeezenet1_1: {nobody}/{file} cannot be reached (")), "{text}");
        assert!(
            text.ends_with(&format!("; put a copy at {}, or set CONVOY_MIRROR to the address of a folder that has it", path.display()))
        );
        assert!(!path.exists());
    }

    #[test]
    fn another_file_than_the_published_is_refused() {
        let fixture = fixture();
        let server = Server::start(|_, _, stream| respond(stream, "200 OK", &[("Content-Length", "3")], b"odd"));
        let store = fixture.store(&server.url);
        let text = complaint(store.bring(&fixture.entry, &mut Silent));
        assert!(text.contains("its SHA-256 is ") && text.contains(fixture.entry.file), "{text}");
        assert!(!store.folder.join(fixture.entry.file).exists());
    }
}
