import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import type { DynamoApi, TableDescription } from "./api.ts";
import type { DiscoveryOptions, TableChoice } from "./options.ts";

/** DescribeTable calls at once: AWS allows many, and a look at hundreds of tables is no hurry. */
const AT_ONCE = 8;

/** A table that is named, or carries the tags, and is not to be read. */
export interface LeftOut {
  readonly table: string;
  /** The reason, as what follows the table's name. */
  readonly why: string;
  /** What the operator may do, a sentence without its end. */
  readonly remedy: string;
}

/** What became of a look at the tables. A table that is in none of the lists is neither named nor tagged any more. */
export interface Discovery {
  readonly found: readonly TableDescription[];
  readonly leftOut: readonly LeftOut[];
  /** Tables that could not be asked about: an error says nothing of whether they are there. */
  readonly unknown: readonly { readonly table: string; readonly error: MillraceError }[];
}

/**
 * Looks for the tables to read: all that are named, or that carry both tags, each with its description.
 * @throws MillraceError where the search by tags fails: then nothing is known.
 */
export async function discoverTables(
  api: Pick<DynamoApi, "describeTable" | "taggedTables">,
  options: Pick<DiscoveryOptions, "choice" | "bothImages">,
  signal?: AbortSignal,
): Promise<Discovery> {
  const names = await namesOf(api, options.choice, signal);
  const looks: Look[] = [];
  const queue = [...names].toSorted().entries();
  const next = async (): Promise<void> => {
    for (const [at, name] of queue) looks[at] = await lookAt(api, name, options, signal);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  signal?.throwIfAborted();
  return {
    found: looks.flatMap((look) => ("description" in look ? [look.description] : [])),
    leftOut: looks.flatMap((look) => ("why" in look ? [look] : [])),
    unknown: looks.flatMap((look) => ("error" in look ? [look] : [])),
  };
}

type Look =
  | { readonly description: TableDescription }
  | LeftOut
  | { readonly table: string; readonly error: MillraceError };

/** The names of what a choice chooses, whatever they are. @throws MillraceError */
export async function namesOf(
  api: Pick<DynamoApi, "taggedTables">,
  choice: TableChoice,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  if (choice.by === "whitelist") return new Set(choice.tables);
  const { environmentKey: key, environmentValues: values, ingestionKey } = choice;
  return new Set(await api.taggedTables([{ key, values }, { key: ingestionKey }], signal));
}

async function lookAt(
  api: Pick<DynamoApi, "describeTable">,
  table: string,
  { bothImages, choice }: Pick<DiscoveryOptions, "choice" | "bothImages">,
  signal: AbortSignal | undefined,
): Promise<Look> {
  try {
    const description = await api.describeTable(table, signal);
    if (description.status === KEY_IS_AWAY) return { table, error: keyIsAway(table) };
    return refusalOf(description, bothImages) ?? { description };
  } catch (thrown) {
    const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
    // The search by tags tells tables for a while that are deleted; a name in a file may be wrong.
    if (error.code !== "MR_SOURCE_MISSING") return { table, error };
    const remedy =
      choice.by === "whitelist"
        ? "correct the name, aws.region, or whose credentials these are"
        : "nothing, where it was deleted: the search by tags forgets it in time";
    return { table, why: "is not there", remedy };
  }
}

/** The table is there, and what it is encrypted with is out of reach for now. Source: API reference, `TableStatus`. */
const KEY_IS_AWAY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";

function keyIsAway(table: string): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", `table ${table} is ${KEY_IS_AWAY}`, {
    class: "transient",
    remedy:
      "Give the table's KMS key back to DynamoDB (it was disabled, or its policy changed); the table is archived after seven days.",
  });
}

/** Why a table is not read, by what AWS tells of it; null where it is. */
function refusalOf(description: TableDescription, bothImages: boolean): LeftOut | null {
  const { name: table, status, stream } = description;
  const refuse = (why: string, remedy: string): LeftOut => ({ table, why, remedy });
  if (status === "CREATING")
    return refuse("is being made", "nothing: it is taken up when it is there");
  if (status === "DELETING") return refuse("is being deleted", "nothing");
  if (status === "ARCHIVING" || status === "ARCHIVED")
    return refuse(`is ${status}`, "restore it from its backup");
  if (stream === null)
    return refuse(
      "has no stream",
      `run aws dynamodb update-table --table-name ${table} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`,
    );
  const wanted = bothImages ? ["NEW_AND_OLD_IMAGES"] : ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"];
  if (wanted.includes(stream.view)) return null;
  return refuse(
    `has a stream of ${stream.view}, and ${wanted.join(" or ")} is needed`,
    "disable its stream and enable it with that view, which is another stream: the table is loaded again",
  );
}
