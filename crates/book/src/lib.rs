//! The book (docs/book): `cargo test` compiles and runs the Rust code blocks of its chapters, which are the documentation of the modules
//! below. `cargo xtask tidy` sees to it that no chapter is left out.
//!
//! What a block does out of the reader's sight, so that it runs anywhere and leaves nothing behind, is here.

use std::io::{BufRead, BufReader, Error, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

/// Makes a chapter the documentation of a module, for documentation tests alone.
macro_rules! chapters {
    ($($module:ident: $path:literal,)+) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../../docs/book/", $path))]
            mod $module {}
        )+
    };
}

chapters! {
    introduction: "introduction.md",
    networks: "tutorial/networks.md",
    residual_block: "tutorial/residual-block.md",
    weights: "tutorial/weights.md",
    fine_tuning: "tutorial/fine-tuning.md",
    saving: "tutorial/saving.md",
    predicting: "tutorial/predicting.md",
    pytorch: "pytorch.md",
    zoo: "zoo.md",
    commands: "commands.md",
    serving: "serving.md",
    performance: "performance.md",
    architecture: "architecture.md",
    adding_a_model: "adding-a-model.md",
    adding_an_op: "adding-an-op.md",
}

/// Goes to a folder of its own, with the photos of `zoo` in `crates/zoo/data/photos` as in the repository; it is removed with what was
/// written there when the result is dropped.
///
/// # Errors
/// Where no such folder can be made.
pub fn scratch_folder() -> Result<TempDir, Error> {
    let folder = tempfile::tempdir()?;
    let photos = folder.path().join("crates/zoo/data/photos");
    std::fs::create_dir_all(&photos)?;
    for photo in ["chelsea.png", "coffee.png", "rocket.jpg"] {
        std::fs::copy(self::photo(photo), photos.join(photo))?;
    }
    std::env::set_current_dir(folder.path())?;
    Ok(folder)
}

/// Serves one of the photos on the loopback, once; its address.
///
/// # Errors
/// Where there is no such photo, or the loopback cannot be listened on.
pub fn serve_photo(name: &str) -> Result<String, Error> {
    let photo = std::fs::read(photo(name))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/{name}", listener.local_addr()?);
    thread::spawn(move || -> Result<(), Error> {
        let (mut stream, _) = listener.accept()?;
        for line in BufReader::new(&stream).lines() {
            if line?.is_empty() {
                break;
            }
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", photo.len())?;
        stream.write_all(&photo)
    });
    Ok(address)
}

fn photo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/data/photos").join(name)
}
