//! Settings without a range, which no lane can move: samples, side chains, loaded definitions.
//! Every such setting of every source and effect is sent once by a guest.

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use imbolc_net::studio::{Effect, Source, SourceParameter};

/// A reference to a file.
fn content() -> Value {
    json!({ "name": "Rain", "digest": "00112233445566778899aabbccddeeff" })
}

/// Settings of one kind, in the order in which they are sent.
type Settings = Vec<(&'static str, Value)>;

fn loaded() -> Settings {
    vec![
        ("Load", json!(1)),
        ("Set", json!([0, 0.25])),
        ("Saved", content()),
        ("Reset", json!(0)),
        ("Unload", Value::Null),
    ]
}

fn of_sources() -> Vec<(&'static str, Settings)> {
    vec![
        ("Wavetable", vec![("Table", content())]),
        ("Sampler", vec![("Sample", content())]),
        ("Granular", vec![("Sample", content())]),
        ("BusInput", vec![("Bus", json!(2))]),
        ("Vst", loaded()),
        ("SynthDef", loaded()),
    ]
}

fn of_effects() -> Vec<(&'static str, Settings)> {
    vec![
        ("Compressor", vec![("SideChain", json!(2))]),
        ("Convolution", vec![("Impulse", content())]),
        ("Vst", loaded()),
    ]
}

/// The names of the settings without a range, from a serialized source or effect and the
/// parameters of all kinds.
fn without_range(kind: &impl Serialize, parameters: &[Value]) -> BTreeSet<String> {
    let kind = serde_json::to_value(kind).unwrap();
    let (kind, fields) = kind
        .as_object()
        .and_then(|kind| kind.iter().next())
        .expect("an object with the kind as key");
    let fields = fields.as_object().expect("an object of fields");
    if fields.contains_key("definition") {
        // The parameters of a hosted device are in the registry.
        let all = all_variants().into_iter();
        let settings = all.filter_map(|family| {
            let setting = family.strip_prefix("LoadedSetting<PluginId>::")?;
            Some(format!("{kind} {setting}"))
        });
        return settings.collect();
    }
    let turned = |name: &str| {
        let of_kind = parameters.iter().filter_map(|parameter| parameter.get(kind));
        of_kind.into_iter().any(|parameter| parameter == name || parameter.get(name).is_some())
    };
    let names = fields.keys().map(|field| camel(field));
    names.filter(|name| !turned(name)).map(|name| format!("{kind} {name}")).collect()
}

/// The name of the setting of a field: `SideChain` for `side_chain`.
fn camel(field: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    field.split('_').map(capital).collect()
}

fn written(all: &[impl Serialize]) -> Vec<Value> {
    all.iter().map(|each| serde_json::to_value(each).unwrap()).collect()
}

#[test]
fn lists_hold_every_setting_without_a_range() {
    let named = |lists: Vec<(&str, Settings)>| {
        let names = lists.into_iter().flat_map(|(kind, settings)| {
            settings.into_iter().map(move |(setting, _)| format!("{kind} {setting}"))
        });
        names.collect::<BTreeSet<_>>()
    };
    let parameters = written(&SourceParameter::all());
    let sources = SourceKind::ALL.iter().map(|kind| Source::of(*kind));
    let sources: BTreeSet<_> = sources.flat_map(|s| without_range(&s, &parameters)).collect();
    assert_eq!(named(of_sources()), sources);
    let parameters = written(&EffectParameter::all());
    let effects = EffectKind::ALL.iter().map(|kind| Effect::of(*kind));
    let effects: BTreeSet<_> = effects.flat_map(|e| without_range(&e, &parameters)).collect();
    assert_eq!(named(of_effects()), effects);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_without_a_range_can_be_set_remotely() {
    let directory = Directory::new();
    let (host, address) = host(&directory).await;
    host.release_privilege().unwrap();
    let guest = guest(&address).await;
    let listener = join(&address, "Ben", &[]).await;
    let does = async |action: Value| {
        let action = read(&action.to_string());
        let before = host.state();
        guest.commit(action.clone()).await.unwrap_or_else(|e| panic!("{e} at {action:?}"));
        assert_ne!(host.state().model, before.model, "{action:?}");
        eventually(&format!("all snapshots agree after {action:?}"), || {
            let truth = host.state();
            guest.state() == truth && listener.state() == truth
        })
        .await;
    };
    let table = json!([{ "name": "Cutoff", "min": 0.0, "max": 1.0, "default": 0.5 }]);
    let definition = json!({ "name": "Drone", "parameters": table });
    does(json!({ "Mixer": { "AddBus": [2, "Reverb"] } })).await;
    does(json!({ "Registry": { "AddPlugin": [1, definition] } })).await;
    does(json!({ "Registry": { "AddSynthDef": [1, definition] } })).await;

    let set = |setting: Value| json!({ "Instrument": [PAD, { "Set": setting }] });
    let one = |kind: &str, (setting, value): (&str, Value)| {
        let setting = if value.is_null() { json!(setting) } else { json!({ setting: value }) };
        json!({ kind: setting })
    };
    for (kind, settings) in of_sources() {
        does(set(json!({ "Source": { "Kind": kind } }))).await;
        for setting in settings {
            does(set(json!({ "Source": one(kind, setting) }))).await;
        }
    }
    for (kind, settings) in of_effects() {
        does(set(json!({ "Chain": { "Add": [1, kind, 0] } }))).await;
        for setting in settings {
            does(set(json!({ "Chain": { "Effect": [1, one(kind, setting)] } }))).await;
        }
        does(set(json!({ "Chain": { "Remove": 1 } }))).await;
    }
}
