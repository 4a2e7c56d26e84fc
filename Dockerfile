# Corrugator's web and worker image; runs as an ordinary user.
FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir torch==2.13.0 && pip install --no-cache-dir .
COPY . .
RUN useradd --uid 10001 --create-home corrugator && mkdir /data && chown corrugator /data
USER corrugator
