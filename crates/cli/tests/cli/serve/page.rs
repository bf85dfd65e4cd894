//! The page, in a real browser.

use std::path::Path;

use serde_json::{Value, json};

use super::client::Server;
use super::webdriver::{Browser, LEFT, TAB};
use super::{PHOTOS, predicted};

const BARS: &str = "document.querySelectorAll('.bars li').length";
const IDLE: &str = "!document.querySelector('[aria-busy]')";

fn open(args: &[&str]) -> (Server, Browser) {
    let (server, browser) = (Server::start(args), Browser::start());
    browser.open(&format!("http://{}/", server.address));
    browser.wait_for("document.querySelector('article')");
    (server, browser)
}

fn choose(browser: &Browser, name: &str) {
    browser.choose("#file", Path::new(&format!("{PHOTOS}/{name}")));
}

/// Waits for an answer of so many classes, with all pictures loaded.
fn wait_for_bars(browser: &Browser, bars: usize) {
    browser.wait_for(&format!("{BARS} === {bars} && {IDLE}"));
    browser.wait_for("[...document.querySelectorAll('.stage img')].every((image) => image.complete && image.naturalWidth > 0)");
}

fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let texts = browser.run("return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)", &[selector]);
    texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_chosen_picture_shows_the_classes_of_predict_as_bars_under_its_heat_map() {
    let (_server, browser) = open(&[]);
    choose(&browser, "chelsea.png");
    wait_for_bars(&browser, 5);

    let expected = predicted("chelsea.png");
    let column = |key: &str| expected.as_array().unwrap().iter().map(|class| class[key].clone()).collect::<Vec<Value>>();
    let labels: Vec<Value> = texts(&browser, ".label").into_iter().map(Value::from).collect();
    assert_eq!(labels, column("label"));
    let percents: Vec<String> = column("probability").iter().map(|p| format!("{:.1} %", 100.0 * p.as_f64().unwrap())).collect();
    assert_eq!(texts(&browser, ".percent"), percents);
    assert_eq!(texts(&browser, "#status"), [format!("squeezenet1_1: tiger cat, {}", percents[0])]);

    // Bars are as long as their classes are probable, once they have grown.
    let share = "document.querySelector('.fill').getBoundingClientRect().width / document.querySelector('.track').clientWidth";
    browser.wait_for(&format!("Math.abs({share} - 0.393) < 0.01"));

    // The heat map lies over the 263 pixels in the middle that the network sees of 451 x 300.
    let place = browser.get(
        "(() => {
            const [photo, heat] = ['.photo', '.heat'].map((name) => document.querySelector(name).getBoundingClientRect());
            const scale = 451 / photo.width;
            return [photo.height * scale, (heat.x - photo.x) * scale, (heat.y - photo.y) * scale, heat.width * scale, heat.height * scale];
        })()",
    );
    let place: Vec<f64> = place.as_array().unwrap().iter().map(|length| length.as_f64().unwrap()).collect();
    let near = |found: &f64, expected: f64| (found - expected).abs() < 1.5;
    assert!(place.iter().zip([300.0, 94.0, 18.0, 263.0, 263.0]).all(|(found, expected)| near(found, expected)), "{place:?}");
    assert_eq!(browser.get("document.querySelector('.heat').naturalWidth"), 263);
    assert_eq!(browser.get("document.querySelector('.heat').alt"), "Heat map of where tiger cat is seen");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn several_models_answer_side_by_side_or_one_below_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine_digits_classifier.pth");
    zoo::save(&file, &zoo::build("resnet18", 10).unwrap(), &zoo::Metadata::default()).unwrap();
    let (_server, browser) = open(&["--weights", "bundled", "--weights", file.to_str().unwrap()]);
    assert_eq!(texts(&browser, "h2"), ["squeezenet1_1", "mine_digits_classifier"]);
    choose(&browser, "coffee.png");
    wait_for_bars(&browser, 10);
    assert_eq!(texts(&browser, "article:first-child .label")[0], "espresso");
    assert!(texts(&browser, "article:last-child .label").iter().all(|label| label.len() == 1));

    let wide = "document.documentElement.scrollWidth <= window.innerWidth";
    let tops = "[...document.querySelectorAll('article')].map((article) => article.offsetTop)";
    browser.resize(1280, 900);
    browser.wait_for(&format!("new Set({tops}).size === 1 && {wide}"));
    // A phone's width: Chromium makes no window narrower than 500 pixels.
    browser.resize(500, 900);
    browser.wait_for(&format!("new Set({tops}).size === 2 && {wide}"));
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn what_is_no_picture_is_said_and_the_next_one_is_answered() {
    let (_server, browser) = open(&[]);
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no picture").unwrap();
    browser.choose("#file", &text);
    browser.wait_for("!document.querySelector('#error').hidden");
    assert_eq!(texts(&browser, "#error"), ["notes.txt: not a PNG, JPEG, WebP, BMP or GIF picture"]);
    assert_eq!(browser.get(BARS), 0);
    assert_eq!(browser.get("document.querySelector('#error').getAttribute('role')"), "alert");
    // The browser itself notes the status of the answer.
    let errors = browser.errors();
    assert!(errors.len() == 1 && errors[0].contains("400"), "{errors:?}");

    choose(&browser, "coffee.png");
    wait_for_bars(&browser, 5);
    assert_eq!(browser.get("document.querySelector('#error').hidden"), true);
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn pictures_are_dropped_and_pasted() {
    let (_server, browser) = open(&[]);
    // A picture of the page's own making, handed over as the browser does.
    let hand_over = "
        const [kind, color] = arguments;
        const canvas = new OffscreenCanvas(60, 40);
        const context = canvas.getContext('2d');
        context.fillStyle = color;
        context.fillRect(0, 0, 60, 40);
        canvas.convertToBlob().then((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], `${color}.png`, { type: 'image/png' }));
            const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
            document.body.dispatchEvent(kind === 'drop' ? new DragEvent(kind, options) : new ClipboardEvent(kind, options));
        });";
    browser.run(hand_over, &["drop", "red"]);
    wait_for_bars(&browser, 5);
    let red = texts(&browser, ".percent");
    assert_eq!(browser.get("document.querySelector('.photo').naturalWidth"), 60);
    browser.run(hand_over, &["paste", "blue"]);
    browser.wait_for(&format!("document.querySelector('.percent').textContent !== '{}' && {IDLE}", red[0]));
    wait_for_bars(&browser, 5);
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn everything_is_reached_by_keyboard_and_has_a_name() {
    let (_server, browser) = open(&[]);
    choose(&browser, "chelsea.png");
    wait_for_bars(&browser, 5);
    browser.run("document.activeElement.blur(); window.getSelection().removeAllRanges()", &[]);
    let focus = |_| {
        browser.press(TAB);
        browser.get("document.activeElement.id || document.activeElement.textContent")
    };
    assert_eq!((0..4).map(focus).collect::<Vec<_>>(), ["file", "heat", "API", "Metrics"]);
    // Where the focus is can be seen; that of the file input at its label.
    for (focused, marked) in [("#file", "#drop"), ("#heat", "#heat")] {
        browser.run("document.querySelector(arguments[0]).focus()", &[focused]);
        assert_eq!(browser.get(&format!("getComputedStyle(document.querySelector('{marked}')).outlineStyle")), "solid", "{focused}");
    }
    let opacity = || browser.get("getComputedStyle(document.querySelector('.heat')).opacity");
    assert_eq!(opacity(), "1");
    browser.press(LEFT);
    assert_eq!(opacity(), "0.99");

    let nameless = browser.get(
        "[...document.querySelectorAll('input, a, article, img')].filter((element) => {
            const labelledby = element.getAttribute('aria-labelledby');
            const name = element.labels?.length || element.hasAttribute('alt') || element.textContent
                || (labelledby && document.getElementById(labelledby));
            return !name;
        }).map((element) => element.outerHTML)",
    );
    assert_eq!(nameless, json!([]));
    assert_eq!(browser.get("document.documentElement.lang"), "en");
    assert_eq!(browser.get("document.querySelector('#status').getAttribute('role')"), "status");
}

#[test]
fn text_can_be_read_in_light_and_dark() {
    let (_server, browser) = open(&[]);
    choose(&browser, "chelsea.png");
    wait_for_bars(&browser, 5);
    // Contrast as the Web Content Accessibility Guidelines reckon it: at least 4.5.
    let contrasts = "
        const luminance = (color) => {
            const linear = color.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
                .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        };
        const behind = (element) => {
            const color = getComputedStyle(element).backgroundColor;
            return color === 'rgba(0, 0, 0, 0)' ? behind(element.parentElement) : color;
        };
        return arguments[0].split(' ').map((selector) => {
            const element = document.querySelector(selector);
            const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance);
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        });";
    let selectors = "h1 h2 .about .label .percent #drop>strong #drop>span #limits #status #heat-help footer>a #error";
    for scheme in ["light", "dark"] {
        browser.emulate_color_scheme(scheme);
        browser.wait_for(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"));
        let found = browser.run(contrasts, &[selectors]);
        let found: Vec<f64> = found.as_array().unwrap().iter().map(|contrast| contrast.as_f64().unwrap()).collect();
        assert!(found.iter().all(|&contrast| contrast >= 4.5), "{scheme}: {selectors} have {found:?}");
    }
}
