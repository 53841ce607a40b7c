//! What shapes of objects are refused before a run, and what values of objects are refused in it.

use std::error::Error;
use std::marker::PhantomData;

use domicile_pipeline::{Analyser, Kinds, Object, Objects, Shape};
use serde::{Deserialize, Serialize};

use crate::fixture::{Setup, World, counts, described, home, only, runtime};

#[derive(Deserialize)]
struct Order {
    id: i64,
    customer: String,
}

/// Makes one object of each record.
struct Makes<O>(PhantomData<fn() -> O>);

trait Made: Object {
    fn of(order: &Order) -> Self;
}

impl<O: Made> Analyser for Makes<O> {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<O>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        objects.add(O::of(&order));
        Ok(())
    }
}

/// Each test has an object of its own; the text of the record says what its value is.
macro_rules! object {
    ($name:ident, $value:ty, $shape:expr, $of:expr) => {
        #[derive(Serialize)]
        struct $name {
            id: i64,
            value: $value,
        }

        impl Object for $name {
            fn shape() -> Shape {
                $shape
            }
        }

        impl Made for $name {
            fn of(order: &Order) -> Self {
                let value: fn(&str) -> $value = $of;
                Self { id: order.id, value: value(&order.customer) }
            }
        }
    };
}

/// What is said of a shape when the pipeline is made, or when it is checked.
fn refusal<O: Made>() -> Option<String> {
    let world = World::with_orders(&[]);
    let pipeline = world.pipeline(&Setup::none()).with_analyser("orders", Makes::<O>(PhantomData));
    match pipeline {
        Err(error) => Some(error.to_string()),
        Ok(pipeline) => runtime().block_on(pipeline.check()).err().map(|problems| described(&problems).join("\n")),
    }
}

/// Makes an object of each text: how many are delivered and quarantined, what stands in the table, and the reasons.
fn delivered<O: Made>(texts: &[&str]) -> (Vec<String>, Vec<String>) {
    let orders: Vec<_> = texts.iter().map(|text| format!("'ES', '{text}', NULL, NULL")).collect();
    let world = World::with_orders(&orders.iter().map(String::as_str).collect::<Vec<_>>());
    let pipeline = world.pipeline(&Setup::none()).with_analyser("orders", Makes::<O>(PhantomData)).unwrap();
    let report = only(world.run_pipeline(&pipeline));
    assert!(home(&report, "es").failure.is_none(), "{report:#?}");
    let values = world.rows("es", "SELECT value FROM made ORDER BY id");
    let reasons = world.rows("es", "SELECT reason FROM domicile_quarantine ORDER BY position");
    let [read, delivered, _, quarantined] = counts(home(&report, "es"));
    assert_eq!((read, delivered, quarantined), (texts.len() as u64, values.len() as u64, reasons.len() as u64));
    (values, reasons)
}

fn made() -> Shape {
    Shape::new("made").integer("id").key()
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

object!(Merged, i64, made().integer("value").sum(), number);
object!(MergedAndReplaced, i64, made().integer("value").sum().replace(), number);
object!(MergedWithoutKey, i64, Shape::new("made").integer("id").min().integer("value").sum(), number);
object!(ReplacedWithoutKey, i64, Shape::new("made").integer("id").integer("value").replace(), number);
object!(Loose, i64, made().integer("value").sum().text("neither"), number);
object!(KeyAndMerged, i64, made().integer("value").key().sum().integer("n").sum(), number);
object!(FloatSum, f64, made().float("value").sum(), |text| text.parse().unwrap());
object!(TextSum, String, made().text("value").sum(), ToOwned::to_owned);
object!(FloatMax, f64, made().float("value").max(), |text| text.parse().unwrap());

#[test]
fn a_contradictory_shape_is_refused() {
    assert_eq!(refusal::<Merged>(), None);
    let said = |shape: Option<String>| shape.unwrap();
    assert_eq!(said(refusal::<MergedAndReplaced>()), "source orders: `made` is both merged and replaced");
    let no_key = "source orders: `made` is merged or replaced by key, but has no key";
    assert_eq!(said(refusal::<MergedWithoutKey>()), no_key);
    assert_eq!(said(refusal::<ReplacedWithoutKey>()), no_key);
    assert_eq!(said(refusal::<Loose>()), "source orders: `made.neither` must be either part of the key or merged");
    assert_eq!(said(refusal::<KeyAndMerged>()), "source orders: `made.value` must be either part of the key or merged");
}

#[test]
fn what_cannot_be_merged_is_refused() {
    assert_eq!(refusal::<FloatMax>(), None);
    let floats = refusal::<FloatSum>().unwrap();
    assert!(floats.contains("`value` sums Float64, whose sum depends on the order of the records"), "{floats}");
    let texts = refusal::<TextSum>().unwrap();
    assert!(texts.contains("`value`") || texts.contains("sum"), "{texts}");
}

object!(Reserved, i64, Shape::new("domicile_position").integer("id").key().integer("value"), number);

#[test]
fn the_own_tables_of_the_program_are_refused() {
    // The same name in the configuration is refused: "`domicile_position` is reserved".
    let said = refusal::<Reserved>();
    assert!(said.as_ref().is_some_and(|said| said.contains("reserved")), "{said:?}");
}

object!(Precise, String, made().decimal("value", 12, 2), ToOwned::to_owned);

#[test]
fn a_decimal_that_fits_is_delivered() {
    let (values, reasons) = delivered::<Precise>(&["1.05", "-7", "9999999999.99", "0.5", "1.500"]);
    assert_eq!(values, ["1.05", "-7", "9999999999.99", "0.5", "1.5"]);
    assert!(reasons.is_empty(), "{reasons:?}");
}

#[test]
fn a_decimal_with_more_digits_than_its_column_is_quarantined() {
    let (values, reasons) = delivered::<Precise>(&["1.005", "1.00", "99999999999.00"]);
    assert_eq!(values, ["1"], "1.005 must not become 1.00");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}

object!(FromFloat, f64, made().decimal("value", 12, 2), |text| text.parse().unwrap());

#[test]
fn a_float_never_becomes_another_decimal() {
    // 4.35 * 100 is 434.99999999999994.
    let (values, _) = delivered::<FromFloat>(&["4.35", "1.5"]);
    assert!(!values.contains(&String::from("4.34")), "4.35 became {values:?}");
}

object!(Dated, String, made().date("value"), ToOwned::to_owned);
object!(Timed, String, made().timestamp("value"), ToOwned::to_owned);
object!(Counted, u64, made().integer("value"), |text| text.parse().unwrap());
object!(Flagged, bool, made().boolean("value"), |text| text == "true");
object!(Floating, f64, made().float("value"), |text| text.parse().unwrap());

#[test]
fn values_of_every_other_type_are_delivered_or_quarantined() {
    let (values, reasons) = delivered::<Dated>(&["2024-02-29", "2023-02-29", "soon"]);
    assert_eq!((values, reasons.len()), (vec![String::from("2024-02-29")], 2));
    let (values, reasons) = delivered::<Timed>(&["2024-02-29T12:30:00.25", "2024-02-30T00:00:00"]);
    assert_eq!((values, reasons.len()), (vec![String::from("2024-02-29 12:30:00.250")], 1));
    let (values, reasons) = delivered::<Counted>(&["9223372036854775807", "9223372036854775808"]);
    assert_eq!((values, reasons.len()), (vec![i64::MAX.to_string()], 1));
    let (values, reasons) = delivered::<Flagged>(&["true", "false"]);
    assert_eq!((values, reasons.len()), (vec![String::from("1"), String::from("0")], 0));
    let (values, reasons) = delivered::<Floating>(&["0.1", "NaN"]);
    assert_eq!(values, ["0.1"]);
    assert_eq!(reasons, ["`made.value` cannot hold NaN"]);
}

object!(Misspelt, i64, made().integer("valeu"), number);

#[test]
fn a_field_that_is_no_column_does_not_vanish() {
    let world = World::with_orders(&["'ES', '5', NULL, NULL"]);
    let pipeline = world.pipeline(&Setup::none()).with_analyser("orders", Makes::<Misspelt>(PhantomData)).unwrap();
    let report = only(world.run_pipeline(&pipeline));
    let stored = world.rows("es", "SELECT id, valeu FROM made");
    assert_eq!(counts(home(&report, "es"))[3], 1, "the field `value` was dropped and `valeu` is NULL: {stored:?}");
}
