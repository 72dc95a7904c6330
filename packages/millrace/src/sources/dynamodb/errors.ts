import { MillraceError } from "../../errors/millrace-error.ts";
import { ownFault } from "../../errors/own-fault.ts";
import { safeMessage } from "../../errors/safe-text.ts";
import { ServiceFault } from "./service-fault.ts";

/** A call of AWS, for people: `GetRecords of table orders`. */
export interface AskedCall {
  /** The action, as IAM spells it: `dynamodb:GetRecords`. */
  readonly action: string;
  /** What it was about, such as `table orders`; null where it is about no one thing. */
  readonly about: string | null;
}

/** The service's own code for what an error of {@link DynamoApi} was made of; null where it is made of no answer. */
export function serviceCode(error: unknown): string | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++)
    if (at instanceof ServiceFault) return at.code;
  return null;
}

/** Whatever a client of AWS threw, as the refusal that it is made of. */
export function faultOf(thrown: unknown): ServiceFault {
  if (thrown instanceof ServiceFault) return thrown;
  const status = numberAt(objectAt(thrown, "$metadata"), "httpStatusCode");
  // The SDK hides what a name server or a socket said under names of its own.
  const code = textAt(thrown, "code") ?? textAt(thrown, "name") ?? "Unknown";
  // What was thrown has the answer in it, and may quote the request's headers: only its code and words go on.
  const of = status === null ? {} : { status };
  const fault = new ServiceFault(code, safeMessage(thrown), of);
  if (objectAt(thrown, "$metadata")["clockSkewCorrected"] === true)
    fault.$metadata.clockSkewCorrected = true;
  return fault;
}

/**
 * A fault of our own code; null for anything else. What a client of AWS could not make sense of is none: it has the answer in
 * it, or is a text that is no JSON, as half an answer is; nor what Node does not take, as keys with a line's end in a header.
 */
export function ownFaultOf(thrown: unknown, { action }: AskedCall): MillraceError | null {
  if (!(thrown instanceof Error) || thrown instanceof SyntaxError) return null;
  const isOfOthers = "$response" in thrown || "$metadata" in thrown || "code" in thrown;
  return isOfOthers ? null : ownFault(thrown, action);
}

/** What a refusal means for a pipeline that reads from DynamoDB. */
export function sourceError(fault: ServiceFault, { action, about }: AskedCall): MillraceError {
  const call = about === null ? action : `${action} of ${about}`;
  const options = { cause: fault, facts: { aws: fault.code, call } };
  const detail = `${call}: ${fault.code}: ${fault.message}`;
  switch (fault.kindInTime) {
    case "throttled":
      return new MillraceError("MR_SOURCE_THROTTLED", detail, options);
    case "lost":
    case "skew":
    case "expired-iterator":
      return new MillraceError("MR_SOURCE_LOST_CONNECTION", detail, {
        ...options,
        ...lostOf(fault),
      });
    // What was taken away midway is given back, and keys are exchanged: tried again, with what is missing in the status.
    case "credentials":
      return refused(detail, CREDENTIALS, options, "transient");
    case "rights":
      return refused(detail, rightsRemedy(fault, action), options, "transient");
    case "missing":
      return new MillraceError("MR_SOURCE_MISSING", detail, options);
    case "trimmed":
      return new MillraceError("MR_SOURCE_LOSS", detail, options);
    case "refused":
      return refused(detail, undefined, options);
  }
}

type ErrorOptions = NonNullable<ConstructorParameters<typeof MillraceError>[2]>;

function refused(
  detail: string,
  remedy: string | undefined,
  options: ErrorOptions,
  kind?: "transient",
): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", detail, {
    ...options,
    ...(remedy === undefined ? {} : { remedy }),
    ...(kind === undefined ? {} : { class: kind }),
  });
}

const CREDENTIALS =
  "Give this process AWS credentials as for any AWS tool (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, the role of its " +
  "container or instance), or name them in the source: aws.access.key.id, profile, iam-role. `aws sts get-caller-identity` shows whose they are.";

function rightsRemedy({ code, message }: ServiceFault, action: string): string {
  if (/sts:AssumeRole/.test(message) || action.startsWith("sts:"))
    return "Let the role of iam-role trust whoever this process is (its trust policy: sts:AssumeRole, with the external id that iam-role.external-id names).";
  if (/^kms|encryption|\bkms\b/i.test(`${code} ${message}`))
    return "Let whoever this process is use the table's key: kms:Decrypt and kms:DescribeKey, in the key's policy too.";
  return `Allow ${action} in the policy of whoever this process is; docs/sources/dynamodb.md has the whole policy.`;
}

/** A host that is not there is most often a region that is not. */
function lostOf({ code }: ServiceFault): { remedy?: string } {
  if (code === "ENOTFOUND")
    return {
      remedy: "Correct aws.region or the endpoint that is given, or this machine's name service.",
    };
  if (code === "ECONNREFUSED")
    return { remedy: "Start what listens at the endpoint that is given, or correct the endpoint." };
  return {};
}

function objectAt(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const member: unknown =
    typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof member === "object" && member !== null ? { ...member } : {};
}

function textAt(value: unknown, name: string): string | null {
  const member: unknown =
    typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof member === "string" && member !== "" ? member : null;
}

function numberAt(value: Readonly<Record<string, unknown>>, name: string): number | null {
  const member = value[name];
  return typeof member === "number" ? member : null;
}
