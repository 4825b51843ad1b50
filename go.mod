module github.com/aether-es/aether

go 1.26.0
