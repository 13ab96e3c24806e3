/** What the editor starts with. */
export const TEMPLATE = `document:
  dsl: 1.0.0
  namespace: default
  name: greeting
  version: 0.1.0
do:
  - greet:
      set:
        greeting: \${ "Hello, " + .name }
`
