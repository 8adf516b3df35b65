#!/usr/bin/env bash
# Installs Chromium and its driver for the browser tests, where they are missing and apt can.
# Where it can't, the tests say that they were left out.
set -euo pipefail
if command -v chromium > /dev/null && command -v chromedriver > /dev/null; then
  exit 0
fi
if ! command -v apt-get > /dev/null || [ "$(id -u)" != 0 ]; then
  echo "no Chromium: the browser tests will be left out (they need chromium and chromedriver)"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; } \
  || echo "Chromium could not be installed: the browser tests will be left out"
