/** Runs the scenario through this SDK: `runner scenario.json config.json`; see tests/sdk/README.md. */
import { readFileSync } from "node:fs";
import type { JsonObject } from "@bufbuild/protobuf";
import { MeImageError } from "../src/index.js";
import { Actions } from "./actions.js";
import { Names } from "./names.js";
import type { Config, Scenario, Step } from "./step.js";

async function main(scenario: Scenario, config: Config): Promise<void> {
  const names = new Names(config.names, new Set(scenario.volatile));
  const actions = new Actions(config);
  for (const step of scenario.steps) {
    const line = await run(step, names, actions);
    process.stdout.write(`${JSON.stringify({ step: step.name, ...line })}\n`);
  }
  await actions.stop();
}

async function run(step: Step, names: Names, actions: Actions): Promise<JsonObject> {
  try {
    const { save, expect: _, ...given } = step;
    const result = await actions.execute(names.resolve(given as object as JsonObject) as object as Step);
    names.save(save ?? {}, result);
    return { result: names.normal(result) };
  } catch (thrown) {
    if (!(thrown instanceof MeImageError)) {
      throw thrown;
    }
    const fields = thrown.fieldViolations.map(({ field }) => field);
    const refusals = thrown.refusals.map(({ subject, reason }) => [names.normal(subject), reason]);
    return { error: { code: thrown.codeName, reason: thrown.reason, fields, refusals } };
  }
}

function read<T>(path: string | undefined): T {
  return JSON.parse(readFileSync(path ?? "", "utf8")) as T;
}

await main(read<Scenario>(process.argv[2]), read<Config>(process.argv[3]));
