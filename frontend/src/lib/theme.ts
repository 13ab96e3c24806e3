/** By day or by night: as the system says, unless a person said otherwise. */

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** What was chosen; anything unknown is the system's choice. */
export function readTheme(text: string | null | undefined): Theme {
  return THEMES.find((one) => one === text) ?? 'system'
}

/** The choice after `theme`, in turn. */
export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'
}
