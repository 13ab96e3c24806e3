//! Makes a change of the dashboard's build output a reason to build again.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../frontend/dist");
    // An absent folder would be a reason every time; where it cannot be made, that is all.
    let _absent = std::fs::create_dir_all(dist);
    println!("cargo:rerun-if-changed={dist}");
    println!("cargo:rerun-if-changed=build.rs");
}
