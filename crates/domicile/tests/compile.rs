//! What must not compile, each beside a twin that does.

#[test]
#[cfg_attr(miri, ignore = "it runs the compiler")]
fn what_would_leak_does_not_compile_and_its_twins_do() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/refused_*.rs");
    cases.pass("tests/compile/allowed_*.rs");
}
