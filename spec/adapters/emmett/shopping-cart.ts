/** What the specs of the adapter are about: carts, in the shapes that Emmett's own specs use. */
import type { Event, ReadEvent } from '@event-driven-io/emmett';

export interface Item {
  readonly productId: string;
  readonly quantity: number;
  readonly price: number;
}

export interface Cart {
  readonly items: readonly Item[];
  readonly total: number;
}

export type ItemAdded = Event<'ItemAdded', { item: Item }>;
export type DiscountApplied = Event<'DiscountApplied', { percent: number; couponId: string }>;
export type CartEvent = ItemAdded | DiscountApplied;

export const tea: Item = { productId: 'tea', quantity: 10, price: 3 };
export const added: ItemAdded = { type: 'ItemAdded', data: { item: tea } };
export const discounted: DiscountApplied = { type: 'DiscountApplied', data: { percent: 10, couponId: 'spring' } };

export const initialState = (): Cart => ({ items: [], total: 0 });

export function evolve(cart: Cart, event: CartEvent): Cart {
  if (event.type === 'DiscountApplied') return { ...cart, total: cart.total * (1 - event.data.percent / 100) };
  const { item } = event.data;
  return { items: [...cart.items, item], total: cart.total + item.price * item.quantity };
}

/** The form of `evolve` that looks at the metadata as well. */
export function evolveRead(cart: Cart, event: ReadEvent<CartEvent>): Cart {
  if (typeof event.metadata.streamPosition !== 'bigint') throw new TypeError('an event without a position');
  return evolve(cart, event);
}
