/**
 * Puts empty maps back into records of DynamoDB Local, which tells of `{ M: {} }` in a stream as `{}` (seen with 3.3.0); every other
 * value it tells as the service does. What cannot be an attribute is an empty map, wherever it stands.
 */
interface Told {
  readonly S?: string | undefined;
  readonly N?: string | undefined;
  M?: Record<string, Told> | undefined;
  readonly L?: readonly Told[] | undefined;
}

/** Mends the images of a record in place. */
export function mendEmptyMaps(record: {
  readonly dynamodb?: { readonly NewImage?: unknown; readonly OldImage?: unknown } | undefined;
}): void {
  const { NewImage, OldImage } = record.dynamodb ?? {};
  if (NewImage !== undefined) mendMembers(NewImage as Record<string, Told>);
  if (OldImage !== undefined) mendMembers(OldImage as Record<string, Told>);
}

function mendMembers(members: Record<string, Told>): void {
  for (const name in members) mend(members[name] as Told);
}

function mend(told: Told): void {
  // Most are, and asking for them costs the least.
  if (told.S !== undefined || told.N !== undefined) return;
  if (told.M !== undefined) mendMembers(told.M);
  else if (told.L !== undefined) for (const element of told.L) mend(element);
  else if (isEmpty(told)) told.M = {};
}

function isEmpty(told: object): boolean {
  for (const _ in told) return false;
  return true;
}
