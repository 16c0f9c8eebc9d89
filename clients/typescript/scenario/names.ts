import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Shorter values are no ids, and may be equal by chance. */
const LEAST_CHARACTERS = 16;

/** The values that the steps of a scenario have saved, by name; see tests/sdk/README.md. */
export class Names {
  readonly #values: Map<string, JsonValue>;

  constructor(
    values: JsonObject,
    readonly volatile: ReadonlySet<string>,
  ) {
    this.#values = new Map(Object.entries(values));
  }

  /** Remember parts of a result by name. */
  save(paths: Record<string, string>, result: JsonValue): void {
    for (const [name, path] of Object.entries(paths)) {
      const value = path.split(".").reduce<JsonValue | undefined>((inner, part) => at(inner, part), result);
      if (value === undefined) {
        throw new Error(`there is no ${path} to save`);
      }
      this.#values.set(name, value);
    }
  }

  /** Put the values in the places of their names. */
  resolve(value: JsonValue): JsonValue {
    return mapped(value, (text) => {
      const named = text.startsWith("$") ? this.#values.get(text.slice(1)) : text;
      if (named === undefined) {
        throw new Error(`nothing was saved as ${text}`);
      }
      return named;
    });
  }

  /** Put names in the places of their values, and stars where a value is another in each run. */
  normal(value: JsonValue): JsonValue {
    return mapped(value, (text, key) => {
      if (text.length >= LEAST_CHARACTERS) {
        for (const [name, saved] of this.#values) {
          if (saved === text) {
            return `$${name}`;
          }
        }
      }
      return this.volatile.has(key) || UUID.test(text) ? "*" : text;
    });
  }
}

function at(value: JsonValue | undefined, part: string): JsonValue | undefined {
  if (Array.isArray(value)) {
    return value[Number(part)];
  }
  return value !== null && typeof value === "object" ? value[part] : undefined;
}

/** The same with every string changed, which is told the key that it stands under. */
function mapped(value: JsonValue, change: (text: string, key: string) => JsonValue, key = ""): JsonValue {
  if (typeof value === "string") {
    return change(value, key);
  }
  if (Array.isArray(value)) {
    return value.map((inner) => mapped(inner, change, key));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mapped(inner, change, name)]));
  }
  return value;
}
