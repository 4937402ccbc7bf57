//! The seeds as ordinary tests: all checks hold for them, and each still reaches what its name says.

use std::{fs, path::Path};

#[test]
fn good_seeds_are_taken_and_bad_ones_refused() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/decode");
    let mut counts = [0, 0];
    for entry in fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let good = name.starts_with("good-");
        assert!(good || name.starts_with("bad-"), "{name}");
        assert_eq!(gadugi_fuzz::decode(&fs::read(&path).unwrap()), good, "{name}");
        counts[usize::from(good)] += 1;
    }
    assert!(counts[0] >= 10 && counts[1] >= 10, "the seeds are gone: {counts:?}");
}
