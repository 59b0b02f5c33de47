start path
      name  = "the clock reader"
      win32 = "D:\\quay\\clock.dll"
      os2   = "direct interface"
      dos   = "D:\\quay\\clock.com"
      unix  = "/quay/clock"
end path
