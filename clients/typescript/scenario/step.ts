import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A step of the scenario; see tests/sdk/README.md for what each kind takes. */
export interface Step {
  readonly name: string;
  readonly do: string;
  readonly as?: string;
  readonly via?: string;
  readonly save?: Record<string, string>;
  /** For the test, not for the runner. */
  readonly expect?: JsonValue;
  readonly rpc?: string;
  readonly request?: JsonObject;
  readonly file?: string;
  readonly source?: "path" | "bytes" | "stream";
  readonly user_id?: string;
  readonly me_image_id?: string;
  readonly rendition?: string;
  readonly request_id?: string;
  readonly new_me_image?: JsonObject;
  readonly give_up_at?: number;
  readonly messages?: readonly JsonObject[];
  readonly stream?: boolean;
  readonly watch?: string;
  readonly resume_token?: string;
  readonly count?: number;
  readonly change?: { readonly sequence: number; readonly field: string; readonly value: string };
  readonly drop?: number;
}

/** The scenario. */
export interface Scenario {
  readonly volatile: readonly string[];
  readonly steps: readonly Step[];
}

/** Where and as whom to run it. */
export interface Config {
  readonly address: string;
  readonly addresses: Record<string, string>;
  readonly tokens: Record<string, string>;
  readonly names: JsonObject;
  readonly folder: string;
  readonly restart: readonly string[];
}

/** What a step gives. */
export type Result = JsonValue;

/** What has to be there: the scenario lacks it otherwise. */
export function needed<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error("the step lacks something");
  }
  return value;
}
