//! The Python that is loaded into the component, in the order of loading. A module sees those
//! before it by `import`.

pub(crate) const MODULES: &[(&str, &str)] = &[
    ("wire", include_str!("../guest/wire.py")),
    ("finals", include_str!("../guest/finals.py")),
    ("textlike", include_str!("../guest/textlike.py")),
    ("patterns", include_str!("../guest/patterns.py")),
    ("table", include_str!("../guest/table.py")),
    ("views", include_str!("../guest/views.py")),
    ("calls", include_str!("../guest/calls.py")),
    ("wording", include_str!("../guest/wording.py")),
    ("reading", include_str!("../guest/reading.py")),
    ("tools", include_str!("../guest/tools.py")),
    ("together", include_str!("../guest/together.py")),
    ("errors", include_str!("../guest/errors.py")),
    ("blocks", include_str!("../guest/blocks.py")),
];
