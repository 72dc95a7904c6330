import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Surroundings } from "./interpolate.ts";
import type { PipelineConfig } from "./pipeline-config.ts";
import { ConfigError, type Problem } from "./problem.ts";
import { parsePipeline } from "./parse-pipeline.ts";
import { treeOfObject } from "./tree.ts";
import type { Node, ReadTree } from "./tree.ts";
import { treeOfYaml } from "./yaml-tree.ts";

/** No pipeline file is larger; a wrong path often is. */
const MAX_FILE_BYTES = 1024 * 1024;

/** How a pipeline given as an object is called in messages. */
const OBJECT_NAME = "(pipeline object)";

/**
 * Reads a pipeline from a YAML file or an object of the same shape.
 * @throws ConfigError with every problem that can be known without servers.
 */
export function loadConfig(
  input: string | object,
  env: Surroundings["env"] = process.env,
): PipelineConfig {
  if (typeof input !== "string")
    return finish(
      treeOfObject(input, OBJECT_NAME),
      OBJECT_NAME,
      surroundingsOf(env, process.cwd()),
    );
  return parseConfigText(
    readPipelineFile(input),
    input,
    surroundingsOf(env, dirname(resolve(input))),
  );
}

/**
 * Reads a pipeline from the text of a YAML file.
 * @throws ConfigError
 */
export function parseConfigText(
  text: string,
  file: string,
  surroundings: Surroundings,
): PipelineConfig {
  return finish(treeOfYaml(text, file), file, surroundings);
}

/** The process' variables, and files relative to a folder. */
export function surroundingsOf(env: Surroundings["env"], folder: string): Surroundings {
  return {
    env,
    resolvePath: (path) => resolve(folder, path),
    readFile: (path) => readFileSync(resolve(folder, path), "utf8"),
  };
}

function finish(tree: ReadTree, file: string, surroundings: Surroundings): PipelineConfig {
  if (tree.root === null) throw new ConfigError(tree.problems);
  if (tree.problems.length === 0) return parsePipeline(tree.root, file, surroundings);
  throw new ConfigError([...tree.problems, ...problemsOf(tree.root, file, surroundings)]);
}

/** What else is wrong with a file that cannot be used anyway. */
function problemsOf(root: Node, file: string, surroundings: Surroundings): readonly Problem[] {
  try {
    parsePipeline(root, file, surroundings);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const said = brokenPaths(root);
    return error.problems.filter(
      ({ path }) => !said.some((broken) => path === broken || path.startsWith(`${broken}.`)),
    );
  }
}

/** Where nothing could be read: whatever is wrong there has been said. */
function brokenPaths(node: Node, path = ""): readonly string[] {
  if (node.kind === "scalar") return node.broken === true ? [path] : [];
  if (node.kind === "list")
    return node.items.flatMap((item, index) => brokenPaths(item, `${path}[${index}]`));
  return node.entries.flatMap(({ key, value }) =>
    brokenPaths(value, path === "" ? key : `${path}.${key}`),
  );
}

function readPipelineFile(file: string): string {
  try {
    const size = statSync(file).size;
    if (size <= MAX_FILE_BYTES) return readFileSync(file, "utf8");
    throw fileProblem(
      file,
      `the file has ${size} bytes, more than any pipeline`,
      "Give the path of a pipeline file",
    );
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason =
      error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const wrong =
      reason === "ENOENT" ? "there is no such file" : `the file cannot be read (${reason})`;
    throw fileProblem(file, wrong, "Give the path of a pipeline file");
  }
}

function fileProblem(file: string, wrong: string, remedy: string): ConfigError {
  return new ConfigError([{ place: { file, line: null, column: null }, path: "", wrong, remedy }]);
}
