//! The JSON Schema of the config file, made from the same structs that read it.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::settings::{Common, Document};
use crate::platform::Platform;

/// The JSON Schema of the config file (draft 2020-12), for editors and `bugle schema`.
pub fn schema() -> Value {
    Schemas::new(crate::platform::ALL).whole()
}

/// The schemas of the file's parts, with `$ref`s into one set of definitions.
pub(super) struct Schemas {
    /// What `$ref`s lead to.
    pub definitions: Map<String, Value>,
    /// The document, channels being tables of anything.
    pub document: Value,
    /// By platform: the channel's table, common and own keys together.
    pub channels: Vec<(&'static str, Value)>,
}

impl Schemas {
    /// Makes them for those platforms.
    pub(super) fn new(platforms: &[&dyn Platform]) -> Self {
        let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let document = inline(&mut generator, |g| g.subschema_for::<Document>());
        let common = inline(&mut generator, |g| g.subschema_for::<Common>());
        let channels = platforms
            .iter()
            .map(|platform| {
                let own = inline(&mut generator, |g| platform.schema(g));
                (platform.spec().id, channel(platform.spec().id, platform.spec().name, &common, &own))
            })
            .collect();
        // Anything that nothing refers to any more is left out again.
        let mut definitions = generator.take_definitions(true);
        definitions.remove("BugleConfig");
        definitions.remove("Common");
        Self { definitions, document, channels }
    }

    fn whole(self) -> Value {
        let mut whole = Map::new();
        whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.insert("title".into(), "Bugle config".into());
        let Value::Object(mut document) = self.document else { return Value::Object(whole) };
        document.remove("description");
        document.remove("title");
        if let Some(each) = document.get_mut("properties").and_then(|p| p.pointer_mut("/channel/additionalProperties"))
        {
            *each = json!({ "oneOf": self.channels.into_iter().map(|(_, schema)| schema).collect::<Vec<_>>() });
        }
        whole.append(&mut document);
        whole.insert("$defs".into(), prune(self.definitions, &whole));
        Value::Object(whole)
    }
}

/// The schema itself rather than a `$ref` to it.
fn inline(generator: &mut SchemaGenerator, make: impl FnOnce(&mut SchemaGenerator) -> schemars::Schema) -> Value {
    let schema = make(generator).to_value();
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).cloned().unwrap_or(schema)
}

/// The common keys and those of one platform, as one table.
fn channel(id: &str, name: &str, common: &Value, own: &Value) -> Value {
    let part = |schema: &Value, key: &str| schema.get(key).cloned();
    let mut properties = part(common, "properties").and_then(|p| p.as_object().cloned()).unwrap_or_default();
    properties.extend(part(own, "properties").and_then(|p| p.as_object().cloned()).unwrap_or_default());
    properties.insert("platform".into(), json!({ "const": id, "description": format!("A channel on {name}.") }));
    let mut required = vec![Value::from("platform")];
    required.extend(part(own, "required").and_then(|r| r.as_array().cloned()).unwrap_or_default());
    let mut schema = json!({ "title": name, "type": "object", "properties": properties, "required": required });
    // A platform whose own schema names no keys is read by its own code alone.
    if own.get("properties").is_some() || own.get("additionalProperties") == Some(&false.into()) {
        schema["additionalProperties"] = false.into();
    }
    schema
}

/// The definitions that something refers to.
fn prune(definitions: Map<String, Value>, root: &Map<String, Value>) -> Value {
    let mut text = serde_json::to_string(root).unwrap_or_default();
    let mut kept = Map::new();
    loop {
        let more: Vec<_> = definitions
            .iter()
            .filter(|(name, _)| !kept.contains_key(*name) && text.contains(&format!("\"#/$defs/{name}\"")))
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect();
        if more.is_empty() {
            return Value::Object(kept);
        }
        for (name, schema) in more {
            text.push_str(&schema.to_string());
            kept.insert(name, schema);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_the_code_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json");
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(kept == schema(), "config/schema.json is out of date: `cargo run -- schema > config/schema.json`");
    }
}
