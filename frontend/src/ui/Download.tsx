/** Saves a text that is made when it is asked for. */
export function Download({ text, name }: { text: () => string; name: string }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([text()], { type: 'application/json' }))
    const link = document.createElement('a')
    link.href = url
    link.download = name
    link.click()
    URL.revokeObjectURL(url)
  }
  return <button type="button" onClick={save}>Download</button>
}
