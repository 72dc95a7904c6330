/** GetResources of the Resource Groups Tagging API: tables by their tags. */
import type { Call } from "../call.ts";
import { isFields, listIn, numberIn, textIn, textsIn, type Fields } from "../json.ts";
import { accessBounds } from "../rules/access.ts";
import { refuse } from "../rules/table.ts";
import type { TaggedResource } from "./history.ts";

const BOUNDS = { filters: 50, values: 20, types: 100, arns: 100 } as const;
const DEFAULT_PAGE = 50;

/** Answers GetResources. The last page has an empty token, as the service's has. */
export async function getResources({ realm, request }: Call): Promise<Fields> {
  check(request);
  const nowMs = realm.clock.nowMs();
  const all = realm.tags
    .seen(realm.settings.tagDelayMs)
    .filter((resource) => isAskedFor(resource, request));
  const start = startIn(request, nowMs);
  const perPage = numberIn(request, "ResourcesPerPage") ?? DEFAULT_PAGE;
  const page = all.filter(({ arn }) => arn > start).slice(0, perPage);
  const last = page.at(-1)?.arn;
  const isLast = last === undefined || last === all.at(-1)?.arn;
  return {
    PaginationToken: isLast ? "" : tokenOf(last, nowMs),
    ResourceTagMappingList: page.map(({ arn, tags }) => ({
      ResourceARN: arn,
      Tags: [...tags].map(([Key, Value]) => ({ Key, Value })),
    })),
  };
}

function check(request: Fields): void {
  const filters = listIn(request, "TagFilters");
  const arns = textsIn(request, "ResourceARNList");
  const types = textsIn(request, "ResourceTypeFilters");
  const perPage = numberIn(request, "ResourcesPerPage");
  const problems: readonly (readonly [boolean, string])[] = [
    [filters.length > BOUNDS.filters, `TagFilters can have at most ${BOUNDS.filters} members`],
    [filters.some((filter) => !textIn(filter, "Key")), "The Key of a tag filter must not be empty"],
    [
      filters.some((filter) => textsIn(filter, "Values").length > BOUNDS.values),
      `A tag filter can have at most ${BOUNDS.values} values`,
    ],
    [types.length > BOUNDS.types, `ResourceTypeFilters can have at most ${BOUNDS.types} members`],
    [arns.length > BOUNDS.arns, `ResourceARNList can have at most ${BOUNDS.arns} members`],
    [
      arns.length > 0 && (filters.length > 0 || types.length > 0 || perPage !== undefined),
      "ResourceARNList cannot be specified together with TagFilters, ResourceTypeFilters or ResourcesPerPage",
    ],
    [
      perPage !== undefined && (perPage < 1 || perPage > accessBounds.resourcesPerPage),
      `ResourcesPerPage must be between 1 and ${accessBounds.resourcesPerPage}`,
    ],
  ];
  const [broken] = problems.filter(([isBroken]) => isBroken);
  if (broken !== undefined) throw refuse("tagParameter", { reason: broken[1] });
}

function isAskedFor({ arn, tags }: TaggedResource, request: Fields): boolean {
  const arns = textsIn(request, "ResourceARNList");
  if (arns.length > 0) return arns.includes(arn);
  const types = textsIn(request, "ResourceTypeFilters");
  const isOfType = types.some((type) => type === "dynamodb" || type === "dynamodb:table");
  if (types.length > 0 && !isOfType) return false;
  return listIn(request, "TagFilters").every((filter) => {
    const value = tags.get(textIn(filter, "Key") ?? "");
    const values = textsIn(filter, "Values");
    return value !== undefined && (values.length === 0 || values.includes(value));
  });
}

function tokenOf(after: string, nowMs: number): string {
  return Buffer.from(JSON.stringify({ after, givenMs: nowMs })).toString("base64");
}

function startIn(request: Fields, nowMs: number): string {
  const token = textIn(request, "PaginationToken") ?? "";
  if (token === "") return "";
  const { after, givenMs } = readToken(token);
  if (after === undefined || givenMs === undefined) throw refuse("pageTokenExpired");
  if (nowMs - givenMs > accessBounds.pageTokenLifeMs) throw refuse("pageTokenExpired");
  return after;
}

function readToken(token: string): { after?: string | undefined; givenMs?: number | undefined } {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, "base64").toString("utf8"));
    if (!isFields(read)) return {};
    return { after: textIn(read, "after"), givenMs: numberIn(read, "givenMs") };
  } catch {
    return {};
  }
}
