import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";
import type { SourceCare } from "./source-care.ts";
import type { ModelPosition } from "./source-server.ts";
import type { Process, World } from "./world.ts";

/** What the checks want to hear of a source's use. */
export interface SourceWatch {
  /** How the source is spared. */
  readonly care: (check: (care: SourceCare) => void) => void;
  acknowledged(owner: Process, position: Position): void;
  /** A session began at `asked` while the server had been told to forget everything before `acknowledged`. */
  replaysFrom(owner: Process, asked: ModelPosition, acknowledged: ModelPosition): void;
}

/** How one process reaches the model source: every call takes its time, and may lose its connection. */
export class ModelLink {
  readonly owner: Process;
  readonly #world: World;
  readonly #watch: SourceWatch;
  readonly #lossProbability: () => number;

  constructor(world: World, owner: Process, watch: SourceWatch, lossProbability: () => number) {
    this.#world = world;
    this.owner = owner;
    this.#watch = watch;
    this.#lossProbability = lossProbability;
  }

  step(label: string): Promise<void> {
    return this.#world.step(this.owner, label);
  }

  /** A step that may fail as a broken connection does. */
  async call(label: string): Promise<void> {
    await this.step(label);
    if (this.#world.random.chance(this.#lossProbability())) {
      this.#world.tell(() => `${this.owner.name} ${label}: connection lost`);
      throw new MillraceError("MR_SOURCE_LOST_CONNECTION", `(model) ${label}`);
    }
  }

  /** Tells how the source is used. */
  tellCare(check: (care: SourceCare, owner: Process) => void): void {
    this.#watch.care((care) => check(care, this.owner));
  }

  acknowledged(position: Position): void {
    this.#world.tell(() => `${this.owner.name} acknowledges ${JSON.stringify(position)}`);
    this.#watch.acknowledged(this.owner, position);
  }

  replaysFrom(asked: ModelPosition, acknowledged: ModelPosition): void {
    this.#watch.replaysFrom(this.owner, asked, acknowledged);
  }
}
