import { describe, expect, it } from "vitest";
import { sourceError } from "./errors.ts";
import { ServiceFault } from "./service-fault.ts";

const CALL = { action: "dynamodb:GetRecords", about: "table orders" };

interface Case {
  readonly what: string;
  readonly code: string;
  readonly message?: string;
  readonly status?: number;
  readonly is: readonly [code: string, errorClass: string];
  readonly remedy?: string;
}

const LOST = ["MR_SOURCE_LOST_CONNECTION", "transient"] as const;
const REFUSED = ["MR_SOURCE_REFUSED", "transient"] as const;
const THROTTLED = ["MR_SOURCE_THROTTLED", "transient"] as const;

const CASES: readonly Case[] = [
  { what: "throttling", code: "ThrottlingException", status: 400, is: THROTTLED },
  { what: "throttling of a table", code: "ProvisionedThroughputExceededException", is: THROTTLED },
  { what: "a limit of Streams", code: "LimitExceededException", status: 400, is: THROTTLED },
  {
    what: "an expired token",
    code: "ExpiredTokenException",
    status: 400,
    is: REFUSED,
    remedy: "AWS credentials",
  },
  {
    what: "keys that nobody knows",
    code: "UnrecognizedClientException",
    status: 400,
    is: REFUSED,
    remedy: "AWS credentials",
  },
  {
    what: "a clock that is wrong",
    code: "InvalidSignatureException",
    message: "Signature expired: 1 is now earlier than 2",
    status: 400,
    is: LOST,
  },
  {
    what: "a table that is not there",
    code: "ResourceNotFoundException",
    status: 400,
    is: ["MR_SOURCE_MISSING", "transient"],
  },
  {
    what: "records that are trimmed",
    code: "TrimmedDataAccessException",
    status: 400,
    is: ["MR_SOURCE_LOSS", "loss"],
  },
  { what: "an iterator that has expired", code: "ExpiredIteratorException", status: 400, is: LOST },
  {
    what: "a right that is missing",
    code: "AccessDeniedException",
    message: "User: x is not authorized to perform",
    status: 400,
    is: REFUSED,
    remedy: "Allow dynamodb:GetRecords",
  },
  {
    what: "a key of KMS that is denied",
    code: "KMSAccessDeniedException",
    status: 400,
    is: REFUSED,
    remedy: "kms:Decrypt",
  },
  {
    what: "a table whose key is away",
    code: "InaccessibleEncryptionCredentialsException",
    status: 400,
    is: REFUSED,
    remedy: "kms:Decrypt",
  },
  {
    what: "a region that is none",
    code: "ENOTFOUND",
    message: "getaddrinfo ENOTFOUND dynamodb.eu-nowhere-1.amazonaws.com",
    is: LOST,
    remedy: "aws.region",
  },
  { what: "a network that is gone", code: "ECONNRESET", is: LOST },
  { what: "a service that fails", code: "InternalServerError", status: 500, is: LOST },
  {
    what: "a request that is wrong",
    code: "ValidationException",
    status: 400,
    is: ["MR_SOURCE_REFUSED", "config"],
  },
];

describe("what AWS answers", () => {
  it.each(CASES)("as $what ($code) is $is", ({ code, message = code, status, is, remedy = "" }) => {
    const fault = new ServiceFault(code, message, status === undefined ? {} : { status });
    const error = sourceError(fault, CALL);
    expect([error.code, error.class]).toEqual(is);
    expect(error.remedy).toContain(remedy);
    expect(error.detail).toContain("dynamodb:GetRecords of table orders");
  });
});
