#!/bin/sh
# Compiles the preloaded library and writes it as a Swift source: the program carries it along, so there is one file to install.
# usage: embed.sh DIRECTORY-OF-SOURCES RESULT.swift
set -eu
library=${2%.swift}.so
# No C library and no start files: it goes into processes of whatever C library, and must not bring one with it.
"${CC:-clang}" -std=gnu11 -O2 -fPIC -ffreestanding -fno-builtin -fno-stack-protector -fvisibility=hidden \
  -Wall -Wextra -Werror -shared -nostdlib "-Wl,-z,relro,-z,noexecstack,--build-id=none,-s,--version-script=$1/exports.map" \
  -o "$library" "$1/shim.c" "$1/places.c"
{
  echo '/// The preloaded library of Sources/shim, in hexadecimal.'
  echo 'enum ShimImage {'
  printf '  static let hexadecimal: StaticString = "'
  od -An -v -tx1 "$library" | tr -d ' \n'
  echo '"'
  echo '}'
} >"$2"
