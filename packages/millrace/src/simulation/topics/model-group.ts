import { kindOf, KafkaFault } from "../../kafka/kafka-fault.ts";
import type { Process, World } from "../../pipeline/simulation/world.ts";
import { namesFromBytes } from "../../sources/kafka/group-wire.ts";

interface GroupMember {
  readonly id: string;
  readonly owner: Process;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  metadata: Buffer;
  heardMs: number;
  joining: PromiseWithResolvers<JoinAnswer> | null;
  syncing: PromiseWithResolvers<Buffer> | null;
  assignment: Buffer;
}

/** What a member is answered who has joined. */
export interface JoinAnswer {
  readonly generationId: number;
  readonly memberId: string;
  readonly leader: string;
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

/** Who joins. */
export interface JoinRequest {
  readonly owner: Process;
  readonly member: string;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly metadata: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** A consumer group by the rules of the classic protocol, as a broker coordinates it. */
export class ModelGroup {
  readonly #world: World;
  readonly #members = new Map<string, GroupMember>();
  #phase: "joining" | "syncing" | "stable" = "stable";
  #generation = 0;
  #leader = "";
  #joiningSinceMs = 0;
  #named = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether the group counts on this process still. */
  counts(owner: Process): boolean {
    return [...this.#members.values()].some((member) => member.owner === owner);
  }

  join({ owner, member, sessionMs, rebalanceMs, metadata }: JoinRequest): Promise<JoinAnswer> {
    this.tick();
    if (member !== "" && !this.#members.has(member)) return refused("UNKNOWN_MEMBER_ID");
    const id = member === "" ? `${owner.name}-${++this.#named}` : member;
    this.#world.tell(() => `${id} joins with ${namesFromBytes(metadata).join()}`);
    const known = this.#members.get(id);
    const heardMs = this.#world.nowMs;
    const joining = Promise.withResolvers<JoinAnswer>();
    if (known === undefined) {
      const times = { sessionMs, rebalanceMs, heardMs };
      const rest = { joining, syncing: null, assignment: NOTHING };
      this.#members.set(id, { id, owner, metadata, ...times, ...rest });
    } else Object.assign(known, { metadata, heardMs, joining });
    this.#rebalance();
    this.tick();
    return joining.promise;
  }

  sync(
    member: string,
    generation: number,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
  ): Promise<Buffer> {
    const fault = this.#refusal(member, generation);
    if (fault !== null) return refused(fault);
    const one = this.#known(member);
    if (this.#phase === "stable") return Promise.resolve(one.assignment);
    one.syncing = Promise.withResolvers<Buffer>();
    const answer = one.syncing.promise;
    if (member === this.#leader) {
      for (const { memberId, assignment } of assignments) {
        const given = this.#members.get(memberId);
        if (given !== undefined) given.assignment = assignment;
        this.#world.tell(() => `${memberId} is given ${namesFromBytes(assignment).join()}`);
      }
      this.#phase = "stable";
      for (const waiting of this.#members.values()) {
        waiting.syncing?.resolve(waiting.assignment);
        waiting.syncing = null;
      }
    }
    return answer;
  }

  heartbeat(member: string, generation: number): Promise<void> {
    const fault = this.#refusal(member, generation);
    return fault === null ? Promise.resolve() : refused(fault);
  }

  leave(member: string): void {
    if (this.#members.has(member)) this.#expel(member);
    this.tick();
  }

  /** Who was not heard of is forgotten; who has not joined in time too; all that wait go on. */
  tick(): void {
    const nowMs = this.#world.nowMs;
    for (const member of this.#members.values()) {
      const { id, joining, syncing, heardMs, sessionMs } = member;
      const isAwaited = joining !== null || syncing !== null;
      if (!isAwaited && nowMs - heardMs > sessionMs) this.#expel(id);
      else if (isAwaited) member.heardMs = nowMs;
    }
    if (this.#phase !== "joining") return;
    const missing = [...this.#members.values()].filter(({ joining }) => joining === null);
    const isLate = missing.some(({ rebalanceMs }) => nowMs - this.#joiningSinceMs > rebalanceMs);
    if (missing.length > 0 && !isLate) return;
    for (const { id } of missing) this.#members.delete(id);
    this.#begin();
  }

  #begin(): void {
    const members = [...this.#members.values()];
    this.#generation++;
    this.#phase = members.length === 0 ? "stable" : "syncing";
    if (!this.#members.has(this.#leader)) this.#leader = members[0]?.id ?? "";
    const all = members.map(({ id: memberId, metadata }) => ({ memberId, metadata }));
    for (const member of members) {
      member.assignment = NOTHING;
      member.heardMs = this.#world.nowMs;
      member.joining?.resolve({
        generationId: this.#generation,
        memberId: member.id,
        leader: this.#leader,
        members: member.id === this.#leader ? all : [],
      });
      member.joining = null;
    }
    this.#world.tell(() => `generation ${this.#generation}: ${members.map(({ id }) => id).join()}`);
  }

  #rebalance(): void {
    if (this.#phase === "joining") return;
    this.#phase = "joining";
    this.#joiningSinceMs = this.#world.nowMs;
    for (const member of this.#members.values()) {
      member.syncing?.reject(faultOf("REBALANCE_IN_PROGRESS"));
      member.syncing = null;
    }
  }

  #expel(id: string): void {
    this.#world.tell(() => `the group forgets ${id}`);
    this.#members.delete(id);
    if (this.#members.size > 0) this.#rebalance();
  }

  #refusal(id: string, generation: number): string | null {
    this.tick();
    const member = this.#members.get(id);
    if (member === undefined) return "UNKNOWN_MEMBER_ID";
    if (generation !== this.#generation) return "ILLEGAL_GENERATION";
    member.heardMs = this.#world.nowMs;
    return this.#phase === "joining" ? "REBALANCE_IN_PROGRESS" : null;
  }

  #known(id: string): GroupMember {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`nobody is called ${id}`);
    return member;
  }
}

function faultOf(id: string): KafkaFault {
  return new KafkaFault(kindOf(id), id, "(model)");
}

function refused(id: string): Promise<never> {
  return Promise.reject(faultOf(id));
}
