//! Names for people who do not exist.
//!
//! Given: dice. Gives: invented names, streets, towns; lengths and scripts that trip careless code.
//! Does not: use anybody's name. Family names are things, plants and words nobody is called after.

use super::dice::Dice;

const GIVEN: &[&str] = &[
    "Avery", "Jordan", "Rowan", "Marlo", "Quill", "Sage", "Tamsin", "Wren", "Linden", "Ansel", "Briar", "Corin",
    "Delphi", "Ember", "Fenn", "Garnet", "Hollis", "Indigo", "Juniper", "Kestrel", "Lark", "Merrin", "Noor", "Oriel",
    "Perrin", "Quen", "Rune", "Sorrel", "Teal", "Umber", "Vesper", "Willow", "Yarrow", "Zephyr",
];

const FAMILY: &[&str] = &[
    "Sample",
    "Placeholder",
    "Testcase",
    "Mockup",
    "Specimen",
    "Fixture",
    "Dummyfield",
    "Exemplar",
    "Lorem",
    "Ipsum",
    "Nobody",
    "Paperclip",
    "Inkwell",
    "Doorknob",
    "Teakettle",
    "Lampshade",
    "Windowsill",
    "Staircase",
    "Bookend",
    "Coatrack",
    "Umbrella-Stand",
    "O'Placeholder",
    "de la Muestra",
    "van Voorbeeld",
    "Musterfeld",
];

/// Names in other scripts and of awkward lengths: (given, family).
const UNUSUAL: &[(&str, &str)] = &[
    ("Образец", "Тестова"),
    ("例", "見本"),
    ("عينة", "اختبار"),
    ("Παράδειγμα", "Δοκιμή"),
    ("견본", "시험"),
    ("उदाहरण", "नमूना"),
    ("Żółć", "Próbka-Przykładowska"),
    ("A", "B"),
    ("Wilhelmina-Alexandrina-Philippa", "Placeholder-Featherstonehaugh-Exemplar-Musterfeld"),
];

const STREETS: &[&str] =
    &["Test Way", "Sample Street", "Placeholder Road", "Example Avenue", "Mock Lane", "Fixture Court"];
const TOWNS: &[&str] = &["Exampleton", "Sampleville", "Testford", "Placebo Springs", "Mockingdale"];

/// A given and a family name; about one in twenty-five is unusual.
pub(crate) fn person(dice: &mut Dice) -> (String, String) {
    if dice.chance(40)
        && let Some((given, family)) = dice.pick(UNUSUAL)
    {
        return ((*given).to_owned(), (*family).to_owned());
    }
    (word(dice, GIVEN), word(dice, FAMILY))
}

/// A house number and street.
pub(crate) fn street(dice: &mut Dice) -> String {
    format!("{} {}", dice.between(1, 999), word(dice, STREETS))
}

/// A town.
pub(crate) fn town(dice: &mut Dice) -> String {
    word(dice, TOWNS)
}

/// Ten digits in the block set aside for fiction: 202-555-xxxx.
pub(crate) fn phone(dice: &mut Dice) -> String {
    format!("202555{:04}", dice.between(100, 9999))
}

fn word(dice: &mut Dice, words: &[&str]) -> String {
    dice.pick(words).copied().unwrap_or("Sample").to_owned()
}
