//! Reads the imports of a crate's files with `syn`: which module names which,
//! counted to the file that defines the name. Tests are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemFn, ItemMod, ItemUse, Macro, TypeParam, UseTree, Visibility,
    visit::{self, Visit},
};

/// The path of a module below the root of the crate; the root's is empty.
pub type Module = Vec<String>;

/// Every file of a crate.
pub struct Sources {
    files: BTreeMap<Module, Source>,
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

/// What one file says.
#[derive(Default)]
struct Source {
    /// Whether it is a `mod.rs`, so that it lies in the folder of its own name.
    is_folder: bool,
    lines: usize,
    uses: Vec<Use>,
    /// Every path in its code but those of `use`.
    paths: BTreeSet<Vec<String>>,
    /// Its types, child modules and free functions.
    names: Vec<String>,
    names_studio: bool,
}

struct Use {
    is_public: bool,
    path: Vec<String>,
    name: String,
}

impl Sources {
    /// The files below `src`, read once.
    pub fn of_crate() -> &'static Self {
        static SOURCES: LazyLock<Sources> = LazyLock::new(|| Sources::read("."));
        &SOURCES
    }

    /// Those of the crate of sound.
    pub fn of_sound() -> &'static Self {
        static SOURCES: LazyLock<Sources> =
            LazyLock::new(|| Sources::read("crates/imbolc-supercollider"));
        &SOURCES
    }

    fn read(folder: &str) -> Self {
        fn walk(folder: &Path, found: &mut Vec<(String, String)>, root: &Path) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                if path.is_dir() && !name.ends_with("tests") {
                    walk(&path, found, root);
                } else if name.ends_with(".rs") {
                    found.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("src");
        let mut files = Vec::new();
        walk(&root, &mut files, &root);
        let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        Self::of(&files)
    }

    /// The files of these names below `src` and texts.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let source = |(name, text): &(&str, &str)| {
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut source = Source {
                is_folder: name.ends_with("mod.rs") || *name == "lib.rs",
                lines: text.lines().count(),
                ..Source::default()
            };
            source.visit_file(&file);
            source.names = file.items.iter().filter_map(name_of).collect();
            let module = name.trim_end_matches(".rs").split('/');
            (
                module.filter(|part| *part != "mod" && *part != "lib").map(str::to_owned).collect(),
                source,
            )
        };
        let files = files.iter().map(source).collect();
        let mut sources = Self { files, imports: BTreeMap::new() };
        let imports = |module| (Clone::clone(module), sources.imports_of(module));
        sources.imports = sources.files.keys().map(imports).collect();
        sources
    }

    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.files.keys()
    }

    pub fn lines(&self) -> impl Iterator<Item = (&Module, usize)> {
        self.files.iter().map(|(module, source)| (module, source.lines))
    }

    pub fn names(&self) -> impl Iterator<Item = (&Module, &str)> {
        self.files.iter().flat_map(|(module, source)| {
            source.names.iter().map(move |name| (module, name.as_str()))
        })
    }

    /// The modules that name the studio's type other than as a default.
    pub fn naming_studio(&self) -> impl Iterator<Item = &Module> {
        self.files.iter().filter(|(_, source)| source.names_studio).map(|(module, _)| module)
    }

    /// The folder that the file of `module` lies in.
    pub fn folder(&self, module: &Module) -> Module {
        let parent = || module[..module.len().saturating_sub(1)].to_vec();
        if self.files[module].is_folder { module.clone() } else { parent() }
    }

    /// Each pair of an importing and an imported module.
    pub fn imports(&self) -> impl Iterator<Item = (&Module, &Module)> {
        self.imports
            .iter()
            .flat_map(|(module, imported)| imported.iter().map(move |imported| (module, imported)))
    }

    fn imports_of(&self, module: &Module) -> BTreeSet<Module> {
        self.paths_of(module)
            .filter(|path| !is_default_parameter(module, path))
            .filter_map(|path| self.definition(&path))
            .filter(|imported| *imported != module)
            .cloned()
            .collect()
    }

    /// `module` and what it imports, directly or not.
    pub fn reachable(&self, module: &Module) -> BTreeSet<Module> {
        let mut reached = BTreeSet::from([module.clone()]);
        let mut next = vec![module];
        while let Some(importer) = next.pop() {
            for imported in &self.imports[importer] {
                if reached.insert(imported.clone()) {
                    next.push(imported);
                }
            }
        }
        reached
    }

    /// The paths outside the crate that `module` names.
    pub fn externals(&self, module: &Module) -> impl Iterator<Item = String> {
        let source = &self.files[module];
        let used = source.uses.iter().map(|used| used.path.clone());
        let named = source.paths.iter().map(|path| source.expanded(path));
        let external: BTreeSet<_> = used
            .chain(named)
            .filter(|path| self.absolute(module, path).is_none())
            .map(|path| path.join("::"))
            .collect();
        external.into_iter()
    }

    /// The paths of the crate that `module` names, from the root. What it
    /// re-exports of its children is not imported.
    fn paths_of<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = Vec<String>> + 'a {
        let source = &self.files[module];
        let used = source.uses.iter().filter_map(move |used| {
            let path = self.absolute(module, &used.path)?;
            (!(used.is_public && path.starts_with(module))).then_some(path)
        });
        let named = source
            .paths
            .iter()
            .filter_map(move |path| self.absolute(module, &source.expanded(path)));
        used.chain(named)
    }

    /// `path`, as written in `module`, from the root of the crate; `None` if it
    /// leads elsewhere.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let below = |base: &[String], rest: &[String]| [base, rest].concat();
        match path[0].as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" | "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let skip =
                    path.iter().take_while(|part| *part == "super" || *part == "self").count();
                Some(below(&module[..module.len() - ups.min(module.len())], &path[skip..]))
            }
            child => {
                let child = below(module, &[child.to_owned()]);
                self.files.contains_key(&child).then(|| below(module, path))
            }
        }
    }

    /// The module that defines the last name of `path`, through re-exports.
    fn definition(&self, path: &[String]) -> Option<&Module> {
        let path: Vec<_> = path.iter().filter(|part| *part != "self").cloned().collect();
        let depth =
            (0..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
        let (module, source) = self.files.get_key_value(&path[..depth])?;
        let Some(name) = path.get(depth) else { return Some(module) };
        let exported = source.uses.iter().find(|used| used.name == *name && used.path.len() > 1);
        let exported = exported.and_then(|used| self.absolute(module, &used.path));
        match exported {
            Some(exported) if exported != path[..=depth] => self.definition(&exported),
            _ => Some(module),
        }
    }
}

/// The one import that may point upwards: the default of `M: Model`.
fn is_default_parameter(module: &Module, path: &[String]) -> bool {
    path == ["studio", "Studio"] && module.first().is_some_and(|layer| layer != "studio")
}

impl Source {
    /// `path` with the `use` that brought its first part written out.
    fn expanded(&self, path: &[String]) -> Vec<String> {
        match self.uses.iter().find(|used| used.name == path[0]) {
            Some(used) => [&used.path[..], &path[1..]].concat(),
            None => path.to_vec(),
        }
    }

    fn flatten(&mut self, is_public: bool, prefix: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| {
            if name == "self" { prefix.to_vec() } else { [prefix, &[name.to_string()]].concat() }
        };
        match tree {
            UseTree::Path(path) => self.flatten(is_public, &with(&path.ident), &path.tree),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.flatten(is_public, prefix, tree));
            }
            UseTree::Name(leaf) => {
                let path = with(&leaf.ident);
                let name = path.last().unwrap().clone();
                self.uses.push(Use { is_public, path, name });
            }
            UseTree::Rename(leaf) => {
                let (path, name) = (with(&leaf.ident), leaf.rename.to_string());
                self.uses.push(Use { is_public, path, name });
            }
            UseTree::Glob(_) => {
                self.uses.push(Use { is_public, path: prefix.to_vec(), name: "*".into() });
            }
        }
    }

    /// The paths in the tokens of a macro, which are not parsed.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut end = |path: &mut Vec<String>| {
            let path = std::mem::take(path);
            if path.len() > 1 {
                self.paths.insert(path);
            }
        };
        let mut groups = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    end(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        groups.push(group.stream());
                    }
                }
            }
        }
        end(&mut path);
        groups.into_iter().for_each(|group| self.scan(group));
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.flatten(!matches!(item.vis, Visibility::Inherited), &[], &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    /// The module in `pub(in module)` is not imported.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.names_studio |= parts.last().is_some_and(|name| name == "Studio");
        if parts.len() > 1 {
            self.paths.insert(parts);
        }
        visit::visit_path(self, path);
    }

    /// Without its default.
    fn visit_type_param(&mut self, parameter: &'ast TypeParam) {
        parameter.bounds.iter().for_each(|bound| self.visit_type_param_bound(bound));
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        visit::visit_macro(self, invoked);
        self.scan(invoked.tokens.clone());
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|what| what == "test"))
    })
}

fn name_of(item: &Item) -> Option<String> {
    let (attributes, name) = match item {
        Item::Struct(item) => (&item.attrs, &item.ident),
        Item::Enum(item) => (&item.attrs, &item.ident),
        Item::Trait(item) => (&item.attrs, &item.ident),
        Item::Type(item) => (&item.attrs, &item.ident),
        Item::Mod(item) => (&item.attrs, &item.ident),
        Item::Fn(item) => (&item.attrs, &item.sig.ident),
        _ => return None,
    };
    (!is_test(attributes)).then(|| name.to_string())
}

/// The groups of more than one that reach each other (Kosaraju's algorithm).
pub fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    fn visit<'a>(
        node: &'a Module,
        edges: &BTreeMap<&'a Module, Vec<&'a Module>>,
        seen: &mut BTreeSet<&'a Module>,
        order: &mut Vec<&'a Module>,
    ) {
        if seen.insert(node) {
            for next in edges.get(node).into_iter().flatten() {
                visit(next, edges, seen, order);
            }
            order.push(node);
        }
    }
    let mut forward: BTreeMap<&Module, Vec<&Module>> = BTreeMap::new();
    let mut backward: BTreeMap<&Module, Vec<&Module>> = BTreeMap::new();
    for (from, to) in edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to))) {
        forward.entry(from).or_default().push(to);
        backward.entry(to).or_default().push(from);
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for node in edges.keys() {
        visit(node, &forward, &mut seen, &mut order);
    }
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for node in order.into_iter().rev() {
        let mut circle = Vec::new();
        visit(node, &backward, &mut seen, &mut circle);
        if circle.len() > 1 {
            circles.push(circle.into_iter().cloned().collect());
        }
    }
    circles
}
