//! SQL functions made for dirty data, and the one that tells an analyser whose records it sees.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use domicile::{Home, context};
use foldhash::{HashMap, HashMapExt};

use crate::country;

/// `country_code(text)`: the ISO 3166-1 alpha-2 code of the country that a text names, or NULL.
pub(crate) const COUNTRY_CODE: &str = "country_code";

/// `home()`: the name of the home whose records are being analysed, read from the context.
pub(crate) const HOME: &str = "home";

pub(super) fn register(session: &SessionContext) {
    session.register_udf(ScalarUDF::from(CountryCode(Signature::string(1, Volatility::Immutable))));
    session.register_udf(ScalarUDF::from(HomeName(Signature::nullary(Volatility::Volatile))));
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountryCode(Signature);

impl ScalarUDFImpl for CountryCode {
    fn name(&self) -> &str {
        COUNTRY_CODE
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let labels = args.args[0].to_array(args.number_rows)?;
        let labels: ArrayRef = cast(&labels, &DataType::Utf8)?;
        Ok(ColumnarValue::Array(Arc::new(country_codes(labels.as_string::<i32>()))))
    }
}

fn country_codes(labels: &StringArray) -> StringArray {
    let mut codes = StringBuilder::with_capacity(labels.len(), labels.len() * 2);
    // Labels repeat, and finding one again is ten times quicker than folding it.
    let mut known: HashMap<&str, Option<&'static str>> = HashMap::new();
    for label in labels {
        codes
            .append_option(label.and_then(|label| *known.entry(label).or_insert_with(|| country::country_code(label))));
    }
    codes.finish()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HomeName(Signature);

impl ScalarUDFImpl for HomeName {
    fn name(&self) -> &'static str {
        HOME
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let home = context::get::<Home>().ok_or_else(|| exec_datafusion_err!("home(): no home is in the context"))?;
        Ok(ColumnarValue::Scalar(ScalarValue::from(home.as_str())))
    }
}
