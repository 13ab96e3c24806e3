import { useState } from 'react'
import { nextTheme, readTheme, type Theme } from '../lib/theme'

const KEY = 'kintsugi.theme'
const NAMES: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }
const ICONS: Record<Theme, string> = {
  system: 'M8 2.5a5.5 5.5 0 1 0 0 11Zm0 0a5.5 5.5 0 0 1 0 11',
  light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13',
  dark: 'M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6Z',
}

/** Draws the page as was chosen in this browser. */
export function applyTheme(): Theme {
  const theme = readTheme(localStorage.getItem(KEY))
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  return theme
}

export function ThemeButton() {
  const [theme, setTheme] = useState(applyTheme)
  const change = () => {
    localStorage.setItem(KEY, nextTheme(theme))
    setTheme(applyTheme())
  }
  return (
    <button type="button" className="quiet" onClick={change} aria-label={`Colours: ${NAMES[theme]}. Change to ${NAMES[nextTheme(theme)]}`} title={`Colours: ${NAMES[theme]}`}>
      <svg className="icon" viewBox="0 0 16 16" aria-hidden="true"><path className={theme === 'system' ? 'half' : undefined} d={ICONS[theme]} /></svg>
    </button>
  )
}
