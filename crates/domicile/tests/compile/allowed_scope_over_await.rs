//! A scope follows the task, and a guard that is dropped before the `.await` is of no consequence.

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.spawn(domicile::context::scope("ES", async {
        let guard = domicile::context::enter("FR");
        drop(guard);
    }));
    let task = runtime.spawn(domicile::context::scope("ES", async {
        tokio::task::yield_now().await;
        domicile::context::get::<&str>().as_deref() == Some(&"ES")
    }));
    assert!(runtime.block_on(task).unwrap());
}
