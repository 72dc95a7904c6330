/** The bodies that the control port takes. */
import type { Role } from "../sts/roles.ts";
import type { StreamChoice } from "./control.ts";
import type { Fault } from "./faults.ts";
import { problemWith, type ObjectSchema, type Schema, type ValueSchema } from "./schema.ts";

const text = (description: string): ValueSchema => ({ type: "string", description });
const count = (description: string, minimum = 0): ValueSchema => ({
  type: "integer",
  description,
  minimum,
});

const OCCASION: Readonly<Record<string, ValueSchema>> = {
  action: text("The action, `*` for any part of it: `GetRecords`, `Describe*`."),
  table: text("The table that the call, or its stream, is of."),
  accessKeyId: text("Who calls."),
  nth: count("Strike first at the nth such call; 1 is the next one.", 1),
  times: count("How many in a row; 0 for always."),
};

function fault(
  kind: Fault["kind"],
  description: string,
  properties: Readonly<Record<string, ValueSchema>> = {},
  required: readonly string[] = [],
): ObjectSchema {
  return {
    type: "object",
    description,
    required: ["kind", ...required],
    properties: { kind: { type: "string", enum: [kind] }, ...OCCASION, ...properties },
    additionalProperties: false,
  };
}

/** A fault. */
export const faultSchema: Schema = {
  oneOf: [
    fault(
      "error",
      "A named error, before anything is done.",
      {
        code: text("The exception: `ThrottlingException`."),
        message: text("Its message."),
        status: count("HTTP status; 400 when left out.", 400),
      },
      ["code"],
    ),
    fault("page", "A page of HTML, as a proxy sends it.", {
      status: count("HTTP status; 503 when left out.", 200),
    }),
    fault("delay", "The answer comes late.", { delayMs: count("Milliseconds.") }, ["delayMs"]),
    fault(
      "cut",
      "The connection ends, before anything is done or after, unanswered.",
      { when: { type: "string", enum: ["before", "after"] } },
      ["when"],
    ),
    fault(
      "deny",
      "AccessDeniedException; always, unless `times` says otherwise.",
      {
        action: text("`dynamodb:GetItem`, `tag:*`, `*` for any part."),
        resource: text("The ARN, `*` for any part."),
        except: {
          type: "array",
          items: { type: "string" },
          description:
            "What is allowed all the same: an action and, behind a space, a resource, `*` for any part.",
        },
      },
      ["action"],
    ),
    fault(
      "unprocessed",
      "BatchWriteItem and BatchGetItem leave so many undone.",
      { count: count("How many.", 1) },
      ["count"],
    ),
    fault("empty", "GetRecords gives no records, and the same place again."),
    fault(
      "stale",
      "DescribeStream is not consistent yet.",
      { how: { type: "string", enum: ["childless", "open-parent", "orphaned"] } },
      ["how"],
    ),
  ],
};

/** Which stream is meant. */
export const choiceSchema: Schema = {
  type: "object",
  required: ["table"],
  properties: {
    table: text("The table, whose stream of now is meant."),
    shardId: text("One shard; all open ones when left out."),
    account: text("The default account when left out."),
    region: text("Any region when left out."),
  },
  additionalProperties: false,
};

/** A move of the clock. */
export const shiftSchema: Schema = {
  type: "object",
  required: ["shiftMs"],
  properties: { shiftMs: { type: "integer", description: "Milliseconds, forward or back." } },
  additionalProperties: false,
};

/** A role with a trust of its own. */
export const roleSchema: Schema = {
  type: "object",
  required: ["arn"],
  properties: {
    arn: text("`arn:aws:iam::ACCOUNT:role/NAME`"),
    externalId: text("What who assumes it has to say."),
    principals: {
      type: "array",
      items: { type: "string" },
      description: "ARNs of who may assume it, `*` for any part.",
    },
    maxSessionSeconds: count("The longest session; 3,600 when left out.", 900),
  },
  additionalProperties: false,
};

/** Whether a body is a fault. */
export function isFault(body: unknown): body is Fault {
  return problemWith(body, faultSchema) === undefined;
}

/** Whether a body chooses a stream. */
export function isChoice(body: unknown): body is StreamChoice {
  return problemWith(body, choiceSchema) === undefined;
}

/** Whether a body is a role. */
export function isRole(body: unknown): body is Role {
  return problemWith(body, roleSchema) === undefined;
}

/** Whether a body moves the clock. */
export function isShift(body: unknown): body is { readonly shiftMs: number } {
  return problemWith(body, shiftSchema) === undefined;
}
