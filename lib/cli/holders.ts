/**
 * Who holds a lock, in words and for programs; and whether a holder looks dead, by the age of its session's last renewal.
 *
 * The latter compares the wall clocks of two machines, which recipes never do. Nothing is taken from anybody for it: it only decides whether
 * waiting longer is worth the while, and whoever waits watches the session by the rules. A clock that is wrong costs a needless wait, or
 * one more run that ends as busy.
 */
import type { AtomTable } from '../atom/index.js';
import type { Holder } from '../recipes/index.js';

/** Leases for which a holder that looks dead is waited for: one, and what it takes to see it and to take over. */
const leasesToTakeOver = 1.5;
const takeOverMs = 2_000;

interface SessionFacts {
  readonly leaseMs?: number;
}

/** How long a take-over from this session may take, in milliseconds; 0 when it was renewed within its lease. */
export async function sessionLooksSilent(table: AtomTable, id: string): Promise<number> {
  const session = table.atom<SessionFacts>(table.keyNamed(`session:${id}`));
  const { value, exists, writtenAt } = await session.snapshot();
  const { leaseMs = 0 } = value ?? {};
  if (!exists || writtenAt === undefined) return takeOverMs;
  const ageMs = table.sources.clock.now() - writtenAt;
  return ageMs >= 0 && ageMs <= leaseMs ? 0 : leaseMs * leasesToTakeOver + takeOverMs;
}

/** Who holds a lock, in words. */
export function holderText(name: string, holder: Holder | undefined): string {
  if (holder === undefined) return `lock ${name} is held`;
  const { host, pid, token, purpose, grantedAt } = holder;
  const what = purpose === undefined ? '' : `, for ${purpose}`;
  const since = new Date(grantedAt).toISOString();
  return `lock ${name} is held by process ${pid} on ${host}, since ${since} under token ${token}${what}`;
}

export const factsOf = (
  name: string,
  holder: Holder | undefined,
): { readonly lock: string; readonly holder: object | undefined } => ({
  lock: name,
  holder: holder && { ...holder, token: String(holder.token) },
});
