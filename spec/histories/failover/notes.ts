/** What candidates say, and what the resource that they write to remembers. */

export const electionName = 'scheduler';
export const resourceKey = 'accepted';

/** What a candidate says unasked. */
export type CandidateNote =
  | { readonly kind: 'leads'; readonly term: number; readonly who: string }
  | { readonly kind: 'accepted'; readonly term: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly why: string };

/** Writes in a row by one leader in one term. */
interface Stretch {
  readonly term: number;
  readonly who: string;
  readonly writes: number;
}

/** Whose writes were accepted, in the order in which they were. */
export type Acceptances = readonly Stretch[];

export const noAcceptances: Acceptances = [];

export function accepted(stretches: Acceptances, term: number, who: string): Acceptances {
  const last = stretches.at(-1);
  if (last?.term !== term || last.who !== who) return [...stretches, { term, who, writes: 1 }];
  return [...stretches.slice(0, -1), { ...last, writes: last.writes + 1 }];
}

/** What is wrong with it: terms have to grow, so each has one leader and one stretch. */
export function findingsOf(stretches: Acceptances): string[] {
  return stretches.flatMap((stretch, index) => {
    const before = stretches[index - 1];
    if (before === undefined || before.term < stretch.term) return [];
    return [`${stretch.who} was accepted in term ${stretch.term} after ${before.who} in term ${before.term}`];
  });
}
