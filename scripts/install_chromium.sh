#!/usr/bin/env bash
# Installs Chromium and its driver for the browser tests, if they are missing and apt can install
# them. Without them the browser tests are left out, and say so.
set -euo pipefail
if command -v chromium > /dev/null && command -v chromedriver > /dev/null; then
  exit 0
fi
if ! command -v apt-get > /dev/null || [ "$(id -u)" != 0 ]; then
  echo "Chromium is missing: the browser tests, which need chromium and chromedriver, are left out"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; } \
  || echo "Chromium could not be installed: the browser tests are left out"
