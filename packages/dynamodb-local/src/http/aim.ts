/** What a request is aimed at: which service, which action, which table. */
import { fieldsIn, isFields, textIn, type Fields } from "../json.ts";
import { nameOf } from "../realm.ts";
import { readIterator } from "../streams/iterator.ts";
import type { Incoming } from "./exchange.ts";

/** The aim of a request. */
export interface Aim {
  /** What IAM calls the service: `dynamodb`, `tag`, `sts`. */
  readonly service: string;
  /** What stands before the action in `X-Amz-Target`. */
  readonly prefix: string;
  readonly action: string;
  /** Undefined where the body is no JSON object. */
  readonly request: Fields | undefined;
  /** The fields of a form, which STS is asked by. */
  readonly form: URLSearchParams;
  readonly table: string | undefined;
  /** The ARN that the request names; undefined where it names a table by its name, or none. */
  readonly resource: string | undefined;
  readonly region: string;
  readonly contentType: string;
  /** What stands before the exception's name in a refusal. */
  readonly namespace: string;
}

const NAMESPACES: Readonly<Record<string, string>> = {
  DynamoDBStreams_20120810: "com.amazonaws.dynamodb.v20120810",
  ResourceGroupsTaggingAPI_20170126: "com.amazonaws.resourcegroupstaggingapi",
};

/** Finds out; whatever is missing becomes an action that nobody answers. */
export function aimOf(incoming: Incoming): Aim {
  const contentType = String(incoming.headers["content-type"] ?? "");
  const credential = String(incoming.headers["authorization"] ?? "");
  const region = /Credential=[^/]*\/[^/]*\/([^/]*)\//.exec(credential)?.[1] ?? "us-east-1";
  if (contentType.startsWith("application/x-www-form-urlencoded")) return stsAim(incoming, region);
  const [prefix = "", action = ""] = String(incoming.headers["x-amz-target"] ?? "").split(".");
  const request = readJson(incoming.body);
  const isTagging = prefix.startsWith("ResourceGroupsTagging");
  return {
    service: isTagging ? "tag" : "dynamodb",
    prefix,
    action,
    request,
    form: new URLSearchParams(),
    ...namedIn(request ?? {}),
    region,
    contentType: contentType === "" ? "application/x-amz-json-1.0" : contentType,
    namespace: NAMESPACES[prefix] ?? "com.amazonaws.dynamodb.v20120810",
  };
}

function stsAim(incoming: Incoming, region: string): Aim {
  const form = new URLSearchParams(incoming.body.toString("utf8"));
  return {
    service: "sts",
    prefix: "",
    action: form.get("Action") ?? "",
    request: undefined,
    form,
    table: undefined,
    resource: form.get("RoleArn") ?? undefined,
    region,
    contentType: "text/xml",
    namespace: "",
  };
}

function readJson(body: Buffer): Fields | undefined {
  try {
    const read: unknown = JSON.parse(body.toString("utf8"));
    return isFields(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** The table and the resource of a request, by whatever member it names them. */
function namedIn(request: Fields): Pick<Aim, "table" | "resource"> {
  const iterator = readIterator(textIn(request, "ShardIterator") ?? "")?.arn;
  const stream = textIn(request, "StreamArn") ?? iterator;
  if (stream !== undefined) return { table: /:table\/([^/]+)/.exec(stream)?.[1], resource: stream };
  const arn = textIn(request, "ResourceArn");
  const [batch] = Object.keys(fieldsIn(request, "RequestItems"));
  const name = textIn(request, "TableName") ?? arn ?? batch;
  const table = name === undefined ? undefined : nameOf(name);
  return { table, resource: name?.startsWith("arn:") === true ? name : undefined };
}
