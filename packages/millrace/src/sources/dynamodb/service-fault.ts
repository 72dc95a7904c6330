/** What kind of refusal an answer of AWS is, by what is to be done about it. */
export type FaultKind =
  /** Too much at once: the same again, later. */
  | "throttled"
  /** The service, the network or something between failed: the same again. */
  | "lost"
  /** The request's keys are not, or no longer, good: the same again with credentials that are read anew. */
  | "credentials"
  /** The signature's time is too far from the service's: the same again by the service's clock. */
  | "skew"
  | "rights"
  | "missing"
  /** The records that were asked for are behind the trim horizon. */
  | "trimmed"
  /** The iterator is older than 15 minutes: another one from the last sequence number. */
  | "expired-iterator"
  /** The request is wrong, and stays so. */
  | "refused";

/** A refusal of AWS, or no answer at all: the service's own code, and its HTTP status where there was an answer. */
export class ServiceFault extends Error {
  override readonly name = "ServiceFault";
  /** The service's own code, such as `ThrottlingException`; of what is no answer of the service a name such as `ECONNRESET`. */
  readonly code: string;
  readonly status: number | null;
  /** What the SDK's signer looks at, and writes to. */
  readonly $metadata: { readonly httpStatusCode?: number; clockSkewCorrected?: boolean };

  constructor(
    code: string,
    message: string,
    options: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(
      withoutHeaders(message),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? null;
    this.$metadata = options.status === undefined ? {} : { httpStatusCode: options.status };
  }

  get kind(): FaultKind {
    return this.#isMarked ? "skew" : this.kindInTime;
  }

  /**
   * What it is once the clock was set and it is refused all the same: the signer marks every refusal where clocks differ by minutes, whatever
   * was wrong.
   */
  get kindInTime(): FaultKind {
    if (this.#tellsTime) return "skew";
    const known = KINDS.get(this.code);
    if (known !== undefined) return known;
    if (/^kms/i.test(this.code)) return "rights";
    if (this.status === null || this.status >= 500) return "lost";
    return this.status === 429 ? "throttled" : "refused";
  }

  /** A clock that is wrong shows in one of several refusals; the signer tells. */
  get #isMarked(): boolean {
    return this.$metadata.clockSkewCorrected === true && OF_SKEW.has(this.code);
  }

  get #tellsTime(): boolean {
    return OF_SKEW.has(this.code) && /signature (expired|not yet)/i.test(this.message);
  }
}

/**
 * A refused signature is explained by the request as the service signed it, with its headers: the session token is one of
 * them. What comes before says what is wrong.
 */
function withoutHeaders(message: string): string {
  const at = message.search(/\s*The (?:canonical string|string-to-sign)\b/i);
  return at < 0 ? message : message.slice(0, at);
}

/** Codes of DynamoDB, its Streams, the Tagging API and STS, and of what answers before them. */
const CODES = {
  throttled: [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "ThrottledException",
    "Throttling",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
  ],
  lost: [
    "InternalServerError",
    "InternalServiceException",
    "InternalFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
    // A page of the tagging search that took too long: the search begins again.
    "PaginationTokenExpiredException",
  ],
  credentials: [
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "CredentialsProviderError",
    "TokenProviderError",
    "InvalidIdentityToken",
    "IDPCommunicationError",
  ],
  skew: ["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"],
  rights: [
    "AccessDeniedException",
    "AccessDenied",
    "NotAuthorized",
    "UnauthorizedOperation",
    "AuthFailure",
    "OptInRequired",
    "InaccessibleEncryptionCredentialsException",
  ],
  missing: ["ResourceNotFoundException", "TableNotFoundException"],
  trimmed: ["TrimmedDataAccessException"],
  "expired-iterator": ["ExpiredIteratorException"],
  refused: ["ValidationException", "SerializationException", "UnknownOperationException"],
} as const satisfies Record<FaultKind, readonly string[]>;

/** What a service may say of a request whose time is wrong. The signer marks every refusal that came with another time. */
const OF_SKEW: ReadonlySet<string> = new Set([
  "AccessDeniedException",
  "AuthFailure",
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
]);

const KINDS: ReadonlyMap<string, FaultKind> = new Map(
  (Object.keys(CODES) as FaultKind[]).flatMap((kind) =>
    CODES[kind].map((code): [string, FaultKind] => [code, kind]),
  ),
);
