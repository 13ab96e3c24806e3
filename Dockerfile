# One image for all seven services: the role is the command, for example `gateway`.

FROM node:22-bookworm-slim AS dashboard
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY docs/api /src/docs/api
COPY frontend ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# rust-toolchain.toml stays out (.dockerignore): it names the formatter and the linter, which rustup would fetch for nothing.
COPY . .
# The gateway has the dashboard inside, so this comes first.
COPY --from=dashboard /src/frontend/dist frontend/dist
# The caches are not in the image, so the binary is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p kintsugi --bin kintsugi && cp target/release/kintsugi /kintsugi

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 kintsugi \
    && useradd --system --uid 10001 --gid kintsugi --home-dir /nonexistent --shell /usr/sbin/nologin kintsugi \
    && install -d -o kintsugi -g kintsugi /run/kintsugi
COPY --from=build /kintsugi /usr/local/bin/kintsugi
COPY LICENSE /usr/share/doc/kintsugi/LICENSE
USER 10001:10001
# Written when the role is ready and removed when it stops, so it tells of readiness for roles without a port.
# A role that has died takes its container with it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["test", "-s", "/run/kintsugi/ready.json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/kintsugi", "--ready-file", "/run/kintsugi/ready.json"]
CMD ["--help"]
