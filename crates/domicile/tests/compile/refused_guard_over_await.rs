//! A guard belongs to its thread, and a spawned task may be moved to another at every `.await`.

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.spawn(async {
        let _guard = domicile::context::enter("ES");
        tokio::task::yield_now().await;
    });
}
