import { MillraceError } from "../../errors/millrace-error.ts";
import { ModelLink } from "./source-link.ts";
import type { SourceServer } from "./source-server.ts";

/**
 * All sessions of a run are to the server that it began with, or what its snapshots see could not be held against its log
 * (`sources/mysql/source-server.ts`).
 */
export class OneServerLink extends ModelLink {
  readonly #server: SourceServer;
  #era: number | null = null;

  constructor(server: SourceServer, ...link: ConstructorParameters<typeof ModelLink>) {
    super(...link);
    this.#server = server;
  }

  /** A run begins, at whatever server answers now. */
  begin(): void {
    this.#era = null;
  }

  override async call(label: string): Promise<void> {
    await super.call(label);
    const { era } = this.#server;
    this.#era ??= era;
    if (era !== this.#era)
      throw new MillraceError("MR_SOURCE_LOST_CONNECTION", `(model) ${label}: another server`);
  }
}
