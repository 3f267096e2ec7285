/** Who audits: one member of a group at a time, as `meta` says. It is watched as any owner is, and followed by the first that is alive. */
import type { Assignment } from './assignment.js';
import type { GroupAudit } from './audit.js';
import type { GroupItems } from './group-items.js';
import type { MetaState, Owner } from './lease-state.js';

class Refused extends Error {}

export class AuditOffice {
  readonly #items: GroupItems;
  readonly #audit: GroupAudit;
  readonly #isOver: (owner: Owner) => boolean;
  #holder: Owner | undefined;

  constructor(items: GroupItems, audit: GroupAudit, isOver: (owner: Owner) => boolean) {
    this.#items = items;
    this.#audit = audit;
    this.#isOver = isOver;
  }

  /** Takes the office where it is free and this member's turn; audits while it has it. @cost 1 write when it is taken */
  async mind(self: Owner, { present }: Assignment, meta: MetaState | undefined): Promise<void> {
    const auditor = meta?.auditor;
    if (auditor?.life === self.life) return this.#begin(self);
    this.dismiss();
    const isFree = auditor === undefined || this.#isOver(auditor);
    const [first] = [...present.keys()].sort();
    if (meta === undefined || !isFree || first !== self.id) return;
    if (await this.#pass(auditor, self)) this.#begin(self);
  }

  /** Audits no longer, as its life has ended. */
  dismiss(): void {
    this.#holder = undefined;
    this.#audit.stop();
  }

  /** Lets others have it at once. @cost 1 write, where it has it */
  async resign(): Promise<void> {
    const holder = this.#holder;
    this.dismiss();
    if (holder !== undefined) await this.#pass(holder, undefined);
  }

  #begin(self: Owner): void {
    this.#holder = self;
    this.#audit.start();
  }

  /** Whether it was `from`'s until now. */
  async #pass(from: Owner | undefined, to: Owner | undefined): Promise<boolean> {
    try {
      await this.#items.meta.swap((stands) => {
        if (stands === undefined || stands.auditor?.life !== from?.life) throw new Refused();
        const { auditor: _, ...rest } = stands;
        return to === undefined ? { ...rest, rev: rest.rev + 1 } : { ...rest, auditor: { id: to.id, life: to.life } };
      });
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  }
}
