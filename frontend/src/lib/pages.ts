/** Pages of a history that grows while it is shown. */

export type HistoryOrder = 'newest' | 'oldest'

export interface HistoryPages<Entry> {
  items: Entry[]
  next?: number | undefined
}

/**
 * The pages with `entry` in its place. `known`: it is there already, or its page is not read yet;
 * `gap`: something before it is missing, so that they have to be read again.
 */
export function appended<Entry extends { seq: number }>(pages: readonly HistoryPages<Entry>[], entry: Entry, order: HistoryOrder): HistoryPages<Entry>[] | 'known' | 'gap' {
  const [first, last] = [pages[0], pages.at(-1)]
  if (!first || !last) return 'gap'
  if (order === 'newest') {
    const newest = first.items[0]?.seq ?? 0
    if (entry.seq <= newest) return 'known'
    return entry.seq === newest + 1 ? [{ ...first, items: [entry, ...first.items] }, ...pages.slice(1)] : 'gap'
  }
  // More pages follow: it comes with one of them.
  if (last.next !== undefined) return 'known'
  const newest = last.items.at(-1)?.seq ?? 0
  if (entry.seq <= newest) return 'known'
  return entry.seq === newest + 1 ? [...pages.slice(0, -1), { ...last, items: [...last.items, entry] }] : 'gap'
}
