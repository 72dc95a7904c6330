import { createHmac } from "node:crypto";
import type { RoutePlan, Router } from "../model/router.ts";
import type { Column, TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import { compileTablePatterns, sourceTableParts } from "../schema/table-pattern.ts";
import { compileColumnRules } from "./column-choices.ts";
import type { ColumnTreatment } from "./column-treatment.ts";
import { treat, treatedType } from "./column-treatment.ts";
import type { ColumnRule, RouteMode, RouteRule } from "./rules.ts";
import type { TargetName } from "./target-template.ts";
import { parseTemplate } from "./target-template.ts";

/** Where a table goes that no route speaks of. */
export type DefaultTarget = (shape: TableShape) => TargetName;

/** A plan that also says what becomes of each column of the source shape, in its order; `verify` goes by it. */
export interface TransformPlan extends RoutePlan {
  readonly treatments: readonly ColumnTreatment[];
}

/** A router that tells what it does to columns. */
export interface TransformRouter extends Router {
  plan(shape: TableShape): readonly TransformPlan[];
}

/** What a router is made of. */
export interface RouterOptions {
  readonly routes: readonly RouteRule[];
  readonly columns?: readonly ColumnRule[];
  readonly routeMode: RouteMode;
  /** The source's database, for patterns of three parts. */
  readonly database?: string;
  readonly defaultTarget: DefaultTarget;
}

/** Where tables of a kind of source go without a route. */
export function defaultTargetOf(
  source: "postgres" | "mysql" | "dynamodb" | "kafka",
): DefaultTarget {
  switch (source) {
    case "postgres":
    case "mysql":
      return ({ schema, name }) => ({ schema, name });
    case "dynamodb":
    case "kafka":
      return ({ name }) => ({ schema: "public", name });
  }
}

/**
 * Compiles routes and column rules.
 *
 * It keeps one memory, which columns were hidden under which name, so that a rename at the source cannot uncover one;
 * plan the shape that the sink holds before newer ones.
 * @throws TablePatternError, TemplateError for a rule that `checkRouteRule` or `checkColumnRule` would have refused.
 */
export function createRouter(options: RouterOptions): TransformRouter {
  const targetsOf = compileRoutes(options);
  const choices = compileColumnRules(options.columns ?? [], options.database);
  return {
    plan(shape) {
      const treatments = choices.choose(shape);
      const project = projection(shape, treatments);
      const projected = project === null ? shape : treatedShape(shape, treatments);
      const rule = ruleOf(shape, treatments);
      const plan = { shape: projected, project, treatments, rule };
      return targetsOf(shape).map((target) => ({ target, ...plan }));
    },
  };
}

/** Columns that are not kept as they are, and what tells one treatment from another. */
function ruleOf(shape: TableShape, treatments: readonly ColumnTreatment[]): string {
  const treated = shape.columns.flatMap(({ name }, index) => {
    const treatment = treatments[index];
    if (treatment === undefined || treatment.kind === "keep") return [];
    return [`${JSON.stringify(name)} ${treatment.kind}${markOf(treatment)}`];
  });
  return treated.join(", ");
}

/** Another text or key gives other values at the sink; neither is told. */
function markOf(treatment: ColumnTreatment): string {
  if (treatment.kind === "keep" || treatment.kind === "exclude") return "";
  const secret = treatment.kind === "mask" ? treatment.text : treatment.key;
  return ` ${createHmac("sha256", secret).update("\0rule").digest("hex").slice(0, 16)}`;
}

function compileRoutes(options: RouterOptions): (shape: TableShape) => readonly TargetName[] {
  const routes = options.routes.map((rule) => ({
    pattern: compileTablePatterns(rule.sourceTable, sourceTableParts),
    template: parseTemplate(rule),
  }));
  const database = options.database ?? "";
  return (shape) => {
    const fallback = options.defaultTarget(shape);
    const targets = new Map<string, TargetName>();
    for (const { pattern, template } of routes) {
      const match = pattern.match([database, shape.schema, shape.name]);
      if (match === null) continue;
      const target = template({ groups: match.groups, tableName: shape.name, fallback });
      targets.set(tableId(target.schema, target.name), target);
      if (options.routeMode === "FIRST_MATCH") break;
    }
    return targets.size === 0 ? [fallback] : [...targets.values()];
  };
}

function treatedShape(shape: TableShape, treatments: readonly ColumnTreatment[]): TableShape {
  const columns: Column[] = [];
  const newIndex = new Map<number, number>();
  for (const [index, column] of shape.columns.entries()) {
    const treatment = treatments[index] ?? { kind: "keep" };
    const type = treatedType(treatment, column.type);
    if (type === null) continue;
    newIndex.set(index, columns.length);
    columns.push(
      treatment.kind === "keep" ? column : { ...column, type, sourceType: treatment.kind },
    );
  }
  return { ...shape, columns, key: shape.key.map((index) => newIndex.get(index) ?? index) };
}

/** Hot path: called for every row of a table that has column rules. */
function projection(
  shape: TableShape,
  treatments: readonly ColumnTreatment[],
): ((row: Row) => Row) | null {
  if (treatments.every(({ kind }) => kind === "keep")) return null;
  const steps = shape.columns.flatMap(({ type }, index) => {
    const treatment = treatments[index] ?? { kind: "keep" };
    return treatment.kind === "exclude" ? [] : [{ index, type, treatment }];
  });
  return (row) => {
    const projected: Value[] = [];
    for (const { index, type, treatment } of steps) {
      projected.push(treat(treatment, type, row[index] ?? null));
    }
    return projected;
  };
}
