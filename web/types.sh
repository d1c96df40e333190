#!/bin/sh
# Makes src/api/schema.d.ts from the server's interface. A test compares the fingerprint in its first line.
set -eu
cd "$(dirname "$0")"
file=$(mktemp)
print=$("${PYTHON:-../.venv/bin/python}" -m pellucid.studio.openapi "$file")
npx openapi-typescript "$file" -o src/api/schema.d.ts
printf '// made from the interface %s\n%s\n' "$print" "$(cat src/api/schema.d.ts)" > src/api/schema.d.ts
rm "$file"
