/** What is inside of SQL functions: checked when they are made, and known when they are called. */
import type { DialectMark } from "./dialect.ts";
import type { Profile } from "../rules/profile.ts";
import { violation } from "../rules/table.ts";
import { parseStatements } from "./parser.ts";
import { refuseStatement, shortName } from "./refusals.ts";
import type { RelationUse } from "./statement.ts";
import { survey, type Survey, type SurveyedParts } from "./survey.ts";
import { child, list, text, unwrap, type Tree } from "./tree.ts";

const NO_MARK: DialectMark = { async: false, using: false };

/** Throws the Violation of a statement inside of CREATE FUNCTION that DSQL does not run; syntax is left to PostgreSQL. */
export function refuseBody(body: Tree, profile: Profile): void {
  for (const node of [...statementsIn(bodyText(body)), ...atomicStatements(body)]) {
    refuseStatement(node, NO_MARK, profile);
    refuseDefinition(node);
    survey(node);
  }
  survey({ body: body["sql_body"] });
}

/** All else defines something: inside of a SELECT it would come by the rules of DDL. */
const NO_DEFINITION =
  /^(?:Select|Insert|Update|Delete|Copy|Transaction|Explain|VariableSet|VariableShow|ConstraintsSet|Call|Vacuum|Deallocate)Stmt$/;

function refuseDefinition(node: Tree): void {
  const [name] = unwrap(node);
  if (!NO_DEFINITION.test(name)) throw violation("functionBody", { name: shortName(name) });
}

/** Of BEGIN ATOMIC the parser has made trees already. A RETURN is an expression. */
function atomicStatements(body: Tree): readonly Tree[] {
  const blocks = list(child(child(body, "sql_body"), "List"), "items");
  const nodes = blocks.flatMap((block) => list(child(block, "List"), "items"));
  return nodes.filter((node) => !("ReturnStmt" in node));
}

function bodyText(body: Tree): string {
  for (const option of list(body, "options")) {
    const element = child(option, "DefElem");
    if (text(element, "defname") !== "as") continue;
    const [source = {}] = list(child(child(element, "arg"), "List"), "items");
    return text(child(source, "String"), "sval");
  }
  return "";
}

function statementsIn(sql: string): readonly Tree[] {
  try {
    return parseStatements(sql).map(({ node }) => node);
  } catch {
    return [];
  }
}

/** What a function does that changes rows. */
export interface FunctionFacts {
  readonly relations: readonly RelationUse[];
  readonly parts: readonly SurveyedParts[];
}

/** A function as the catalogue has it. */
export interface FunctionSource {
  readonly name: string;
  /** Its statements. */
  readonly sql: string;
}

/** The functions among these that change or lock rows, by themselves or by calling others, by name. */
export function writingFunctions(
  sources: readonly FunctionSource[],
): ReadonlyMap<string, FunctionFacts> {
  const surveys = sources.map(({ name, sql }) => ({
    name,
    found: statementsIn(sql).map(surveyOf),
  }));
  const facts = new Map<string, FunctionFacts>();
  for (let known = -1; known < facts.size;) {
    known = facts.size;
    for (const { name, found } of surveys) {
      const called = found.flatMap(({ parts }) =>
        parts.calls.flatMap((call) => facts.get(call) ?? []),
      );
      const writes = called.length > 0 || found.some((one) => one.writes || one.locks);
      if (writes) facts.set(name, merged(found, called));
    }
  }
  return facts;
}

/** The functions among these that give or write another value each time, by themselves or by calling others. */
export function drawingFunctions(sources: readonly FunctionSource[]): ReadonlySet<string> {
  const bodies = sources.map(({ name, sql }) => ({
    name,
    parts: statementsIn(sql).map((node) => surveyOf(node).parts),
  }));
  const drawing = new Set<string>();
  for (let known = -1; known < drawing.size;) {
    known = drawing.size;
    for (const { name, parts } of bodies) {
      const draws = parts.some(
        (part) => part.draws || part.calls.some((call) => drawing.has(call)),
      );
      if (draws) drawing.add(name);
    }
  }
  return drawing;
}

/** What is refused now may have been made before. */
function surveyOf(node: Tree): Survey {
  try {
    return survey(node);
  } catch {
    return survey({});
  }
}

function merged(found: readonly Survey[], called: readonly FunctionFacts[]): FunctionFacts {
  return {
    relations: [...found, ...called].flatMap(({ relations }) => relations),
    parts: [...found.map(({ parts }) => parts), ...called.flatMap(({ parts }) => parts)],
  };
}
