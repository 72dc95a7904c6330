import type { ErrorHandler } from "./model/error-handler.ts";
import type { Router } from "./model/router.ts";
import type { AuthenticationProvider } from "./sinks/dsql/authentication.ts";
import type { SchemaMapper } from "./sinks/dsql/type-mapping.ts";

/** What takes the place of our own parts in a pipeline that is read from a file. */
export interface Extensions {
  /** Passwords of the sink's connections, in place of `password` and IAM. */
  readonly authentication?: AuthenticationProvider;
  /** Column types at a SQL sink. */
  readonly schemaMapper?: SchemaMapper;
  /** Refused rows, in place of `dead-letters`. */
  readonly errorHandler?: ErrorHandler;
  /** Routes and rows, given what the file says about them. `verify` goes by the file alone. */
  readonly router?: (own: Router) => Router;
}
