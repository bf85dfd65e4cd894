//! Help, manual pages, completions, and what is said beside results.

use std::fs;
use std::path::Path;

use super::support::{convoy, failure, stdout};

/// The commands of the program.
const COMMANDS: [&[&str]; 15] = [
    &["show"],
    &["inspect"],
    &["summary"],
    &["models"],
    &["train"],
    &["lr-find"],
    &["eval"],
    &["predict"],
    &["export"],
    &["bench", "train"],
    &["bench", "infer"],
    &["bench", "layers"],
    &["completions"],
    &["man"],
    &[],
];

#[test]
fn every_command_has_help_with_an_example() {
    let here = Path::new(".");
    for command in COMMANDS {
        let help = stdout(here, command.iter().chain(&["--help"]));
        let start = ["convoy"].iter().chain(command).copied().collect::<Vec<_>>().join(" ");
        let examples = help.split_once("Example").unwrap_or_else(|| panic!("{start} has no example: {help}")).1;
        assert!(examples.contains(&format!("\n  {start}")), "{start}: {help}");
        assert!(!help.contains('\u{1b}'), "no colours where there is no terminal");
    }
}

#[test]
fn no_color_turns_colours_off() {
    let help = |set: &[(&str, &str)]| {
        let output = convoy(Path::new(".")).arg("--help").env_remove("NO_COLOR").envs(set.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // As if there were a terminal.
    let forced = ("CLICOLOR_FORCE", "1");
    assert!(help(&[forced]).contains('\u{1b}'));
    assert!(!help(&[forced, ("NO_COLOR", "1")]).contains('\u{1b}'));
}

/// The lines of a page without its commands for the formatter.
fn text_of(page: &str) -> String {
    page.replace("\\-", "-")
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let listed = stdout(folder, ["man", "pages"]);
    for command in COMMANDS {
        let name = ["convoy"].iter().chain(command).copied().collect::<Vec<_>>().join("-");
        let file = format!("pages/{name}.1");
        let page = text_of(&fs::read_to_string(folder.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}")));
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains("Example"), "{page}");
        assert!(listed.lines().any(|line| line == file), "{file} in {listed}");
    }
    let page = text_of(&stdout(folder, ["man"]));
    assert!(page.contains(".TH convoy 1") && page.contains("convoy-train(1)"), "{page}");
}

#[test]
fn completions_know_commands_and_options() {
    let here = Path::new(".");
    for (shell, start) in [("bash", "_convoy()"), ("zsh", "#compdef convoy"), ("fish", "function __fish_convoy"), ("elvish", "use builtin")]
    {
        let script = stdout(here, ["completions", shell]);
        assert!(script.contains(start) || shell == "fish", "{script}");
        assert!(script.contains("lr-find") && script.contains("confusion-matrix"), "{shell}");
    }
    let (error, code) = failure(here, ["completions", "tcsh"]);
    assert!(error.contains("tcsh") && error.contains("bash") && code == 2, "{error}");
}

#[test]
fn quiet_leaves_results_warnings_and_errors() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |more: &[&str]| {
        let output = convoy(folder).args(["train", "--weights", "bundled", "--limit-batches", "1"]).args(more).output().unwrap();
        assert!(output.status.success());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (loud, talk) = run(&["--dataset", "digits"]);
    assert!(talk.contains("run folder"), "{talk}");
    for quiet in ["--quiet", "-q"] {
        assert_eq!(run(&["--dataset", "digits", quiet]), (loud.clone(), String::new()));
    }
    let (_, warning) = run(&["-q"]);
    assert!(warning.starts_with("warning: no CIFAR-10 in data") && warning.lines().count() == 1, "{warning}");
    let (error, _) = failure(folder, ["show", "resnet81", "-q"]);
    assert!(error.contains("did you mean resnet18?"), "{error}");
}

#[test]
fn names_that_are_nearly_known_are_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("config.toml"), "[training]\nepoch = 3\n").unwrap();
    for (command, hint, code) in [
        (&["show", "resnet81"][..], "unknown model resnet81: did you mean resnet18?", 1),
        (&["train", "--dataset", "cifar-10"], "did you mean cifar10?", 2),
        (&["train", "--optimizer", "adamm"], "did you mean adam?", 2),
        (&["train", "--scheduler", "cosin"], "did you mean cosine?", 2),
        (&["train", "--augment", "crop,flp"], "did you mean flip?", 2),
        (&["train", "--config", "config.toml"], "config.toml, line 2: unknown field `epoch`, did you mean epochs?", 1),
        (&["train", "--dataset", "digits", "--freeze", "layr1"], "did you mean \"layer1\"", 1),
        (&["predict", "a.png", "--trained-on", "imagnet"], "imagenet", 2),
        (&["predit"], "predict", 2),
        (&["train", "--epoch", "3"], "--epochs", 2),
    ] {
        let (error, found) = failure(folder, command);
        assert!(error.contains(hint) && found == code, "{command:?}: {error}");
    }
}
