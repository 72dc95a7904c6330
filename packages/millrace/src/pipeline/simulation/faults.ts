import type { Crew } from "./crew.ts";
import { areLinked } from "./sink-foreign.ts";
import type { Operator } from "./operator.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import type { Profile } from "./profile.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { SinkDatabase } from "./sink-database.ts";
import type { SourceServer } from "./source-server.ts";
import type { Standby } from "./standby.ts";
import type { World } from "./world.ts";

interface FaultParts {
  readonly world: World;
  readonly profile: Profile;
  readonly crew: Crew;
  readonly operator: Operator;
  readonly file: PipelineFile;
  readonly db: SinkDatabase;
  readonly server: SourceServer;
  readonly standby: Standby | null;
  /** Somebody drops a target. */
  readonly loseTarget: (random: SeededRandom) => void;
  /** Somebody else's transaction locks rows of the targets. */
  readonly strangerLocks: (random: SeededRandom) => void;
  /** The source's applications have something left to do. */
  readonly busy: () => boolean;
}

interface Planned {
  readonly atStep: number;
  readonly act: () => void;
}

/** What happens when, in steps: what goes wrong, and what operators do. */
export class Faults {
  readonly #parts: FaultParts;
  readonly #random: SeededRandom;
  #plan: Planned[] = [];

  constructor(seed: number, parts: FaultParts) {
    this.#parts = parts;
    this.#random = new SeededRandom(seed ^ 0xfa17);
    this.#draw();
  }

  get isOver(): boolean {
    return this.#plan.length === 0;
  }

  /** Everything that is due. */
  act(): void {
    const { world } = this.#parts;
    while (this.#plan[0] !== undefined && this.#plan[0].atStep <= world.steps)
      this.#plan.shift()?.act();
  }

  /** In the order in which seeds have drawn it ever since: what is new comes last. */
  #draw(): void {
    const { profile, crew, operator, file } = this.#parts;
    const random = this.#random;
    this.#add(profile.crashes, () => crew.crashAll());
    this.#add(profile.zombies, () => this.#freezeAndLaunch());
    this.#add(profile.stops, () => void crew.last()?.task.stop());
    this.#add(profile.resyncs, () => operator.resync(random));
    this.#add(profile.resizes, () => {
      file.parallelism = random.between(1, 4);
      crew.crashAll();
    });
    this.#add(profile.joins, () => {
      file.join();
      crew.crashAll();
    });
    if (profile.unique !== null && profile.unique.fromStep > 0)
      this.#plan.push({ atStep: profile.unique.fromStep, act: () => this.#makeUnique() });
    if (profile.foreign !== null && profile.foreign.fromStep > 0)
      this.#plan.push({ atStep: profile.foreign.fromStep, act: () => this.#makeForeign() });
    this.#add(profile.replays, () => operator.replaySome(random));
    this.#add(profile.losses, () => this.#loseSlot());
    this.#add(profile.unpublished, () => this.#unpublish());
    this.#add(profile.leaves, () => this.#leaveFile());
    this.#add(profile.pauses, () => this.#pause());
    this.#add(profile.restarts, () => crew.restartSource());
    this.#add(profile.tablePauses, () => operator.pauseOrResume(random));
    this.#add(profile.failovers, () => crew.failOver());
    this.#add(profile.standby?.cuts ?? 0, () => this.#parts.standby?.cut());
    this.#add(profile.lostTargets, () => {
      this.#parts.loseTarget(random);
      if (random.chance(0.5)) crew.crashAll();
    });
    this.#add(profile.strangers, () => this.#parts.strangerLocks(random));
    this.#sort();
  }

  #add(times: number, act: () => void): void {
    for (let i = 0; i < times; i++) this.#plan.push({ atStep: this.#random.between(5, 600), act });
  }

  #later(steps: number, act: () => void): void {
    this.#plan.push({ atStep: this.#parts.world.steps + steps, act });
    this.#sort();
  }

  #sort(): void {
    this.#plan.sort((a, b) => a.atStep - b.atStep);
  }

  /** The old process stands still for a while (or not) while another one takes over. */
  #freezeAndLaunch(): void {
    const { crew } = this.#parts;
    const old = crew.last();
    crew.launch();
    if (old === undefined || this.#random.chance(0.4)) return;
    old.process.frozen = true;
    this.#later(this.#random.between(5, 400), () => (old.process.frozen = false));
  }

  #loseSlot(): void {
    const { server, crew } = this.#parts;
    server.slot = null;
    if (this.#random.chance(0.5)) crew.cutLog();
    server.nudge();
  }

  /** Somebody takes a table out of the publication, and perhaps puts it back. */
  #unpublish(): void {
    const { publication, visible, underWay } = this.#parts.server;
    if (visible.size === 0) return;
    const { identity } = this.#random.pick([...visible.values()]).shape;
    publication.leave(identity);
    const putBack = () => publication.join([identity], underWay);
    if (this.#random.chance(0.5)) this.#later(this.#random.between(1, 100), () => void putBack());
  }

  #leaveFile(): void {
    const { server, file } = this.#parts;
    if (server.committed.size === 0) return;
    const id = this.#random.pick([...server.committed.keys()]);
    file.leave(id);
    this.#startAnew();
    if (this.#random.chance(0.2)) return;
    this.#later(this.#random.between(20, 300), () => {
      file.comeBack(id);
      this.#startAnew();
    });
  }

  /** The file has changed: another process reads it. */
  #startAnew(): void {
    const { crew } = this.#parts;
    if (this.#random.chance(0.5)) return crew.crashAll();
    for (const { task } of crew.alive()) void task.stop();
  }

  #pause(): void {
    const one = this.#parts.crew.last();
    void one?.task.pause();
    this.#later(this.#random.between(10, 200), () => void one?.task.resume());
  }

  /** CREATE UNIQUE INDEX at the sink, as soon as its rows allow it. */
  #makeUnique(): void {
    const { db, busy } = this.#parts;
    if (db.isUnique() && !db.isBeingWritten) db.unique = true;
    else if (busy()) this.#later(10, () => this.#makeUnique());
  }

  /** ADD FOREIGN KEY at the sink, as soon as its rows allow it. */
  #makeForeign(): void {
    const { db, profile, busy } = this.#parts;
    const isSelf = profile.foreign?.isSelf === true;
    if (areLinked(db, isSelf) && !db.isBeingWritten) db.foreign = profile.foreign;
    else if (busy()) this.#later(10, () => this.#makeForeign());
  }
}
