#!/bin/sh
# A Chromium for the browser tests: the system's if it has one, else the package of a Debian where
# we may install it, else the one that Playwright downloads. Without any, those tests are skipped.
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
.venv/bin/playwright install chromium >/dev/null 2>&1 && exit 0
echo "no Chromium to be had: the browser tests will be skipped" >&2
exit 0
